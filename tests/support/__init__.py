"""What tests of several subjects need: real servers, started once for many tests."""
