//! Arguments and environment in, exit code out.

use std::process::ExitCode;

/// Each request makes and drops a dozen small buffers, on its own thread; mimalloc keeps them there. It asks for no
/// huge pages (`no_thp`), which made the process a third larger and no request cheaper.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // What is not UTF-8 can be none of our variables' values.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    keygate::cli::run(std::env::args_os(), &environment)
}
