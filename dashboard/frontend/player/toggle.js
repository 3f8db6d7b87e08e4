// A button that is pressed or not.

/** Change whether a toggle is pressed, and return it. */
export function press(button) {
  const pressed = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", pressed);
  return pressed;
}
