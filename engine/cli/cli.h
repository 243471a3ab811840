#pragma once

namespace kiban::cli {

// The whole command line; returns the exit code.
int run(int argc, char** argv);

}  // namespace kiban::cli
