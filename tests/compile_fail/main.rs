//! What the typed front says to a network, an array or a scratch of the wrong size.
//!
//! This file belongs to the test target `compile_fail` of the package `nanocurv`, so that the cases
//! are compiled with the core alone. After a change of a message: `TRYBUILD=overwrite cargo test
//! --package nanocurv --test compile_fail`.

#[test]
fn what_does_not_fit_does_not_compile_and_says_why() {
    let cases = trybuild::TestCases::new();
    // With one that passes, the others are built to the end: a `const` assertion of a generic
    // function fails only where the function is instantiated.
    cases.pass("../tests/compile_fail/cases/fits.rs");
    cases.compile_fail("../tests/compile_fail/cases/wrong_*.rs");
}
