"""Helpers of tests of several subjects: real servers, started once for many tests."""
