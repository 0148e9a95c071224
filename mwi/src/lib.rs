//! mwi
