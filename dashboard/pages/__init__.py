"""The pages: Streamlit scripts."""
