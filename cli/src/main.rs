//! `nanocurv`: see `nanocurv --help`.

fn main() -> std::process::ExitCode {
    nanocurv_cli::main().into()
}
