//! dialpeer
