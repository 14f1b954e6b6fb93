//! What the typed front says to a network, an array or a scratch of the wrong size.
//!
//! This file belongs to the test target `compile_fail` of the package `nanocurv`, so that the cases
//! are compiled with the core alone. After a change of a message, or for another compiler (whose
//! release goes into `COMPILER`): `TRYBUILD=overwrite cargo test --package nanocurv --test
//! compile_fail`.

/// The compiler whose words surround ours in `cases/*.stderr`.
const COMPILER: &str = "rustc 1.95";

#[test]
fn what_does_not_fit_does_not_compile_and_says_why() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = std::process::Command::new(rustc).arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if !version.starts_with(COMPILER) {
        // Other releases word the same errors differently.
        eprintln!("skipped: the messages are pinned for {COMPILER}, this is {version}");
        return;
    }
    let cases = trybuild::TestCases::new();
    // With one that passes, the others are built to the end: a `const` assertion of a generic
    // function fails only where the function is instantiated.
    cases.pass("../tests/compile_fail/cases/fits.rs");
    cases.compile_fail("../tests/compile_fail/cases/wrong_*.rs");
}
