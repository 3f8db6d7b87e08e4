"""
The look of the pages: Streamlit's own theme with our colours, light and dark.

The browser's setting chooses between the two, as can the user in the menu. Texts keep a contrast of 4.5 on the
backgrounds they stand on (WCAG AA; the browser tests measure it). No font is named, so none is fetched.
"""

THEME: dict[str, str | bool] = {
    "theme.baseRadius": "0.5rem",
    "theme.buttonRadius": "0.5rem",
    "theme.showWidgetBorder": True,
    "theme.linkUnderline": True,
    "theme.paddingTop": "1rem",
    "theme.light.primaryColor": "#0f766e",
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f1f5f4",
    "theme.light.textColor": "#14211f",
    "theme.light.linkColor": "#0f766e",
    "theme.light.borderColor": "#d3dcda",
    "theme.dark.primaryColor": "#0f807a",
    "theme.dark.backgroundColor": "#0f1716",
    "theme.dark.secondaryBackgroundColor": "#1a2524",
    "theme.dark.textColor": "#e8efee",
    "theme.dark.linkColor": "#5eead4",
    "theme.dark.borderColor": "#35443f",
}
