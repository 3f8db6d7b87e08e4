// From where on the model counts as not sure of a word.

export const DOUBTED = 0.7;
export const UNLIKELY = 0.4;
