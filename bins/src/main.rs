//! The `windrow` command.
fn main() -> std::process::ExitCode {
    bins::main(std::env::args_os())
}
