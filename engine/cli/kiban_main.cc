#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>

#include "cli/cli.h"
#include "cli/report.h"

namespace {

// A thread that can't be made throws while others run; the program ends before anything catches it.
[[noreturn]] void end_with_a_message() {
  std::string why = "a thread could not be made, or one was not joined";
  if (const std::exception_ptr thrown = std::current_exception()) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      why = error.what();
    } catch (...) {
      why = "an unknown exception";
    }
  }
  (void)kiban::cli::complain("inside", why,
                             "Give it more memory and processes (ulimit -v, ulimit -u).");
  std::fflush(nullptr);
  ::_exit(kiban::cli::exit_failed);
}

}  // namespace

int main(int argc, char** argv) {
  std::set_terminate(end_with_a_message);
  try {
    return kiban::cli::run(argc, argv);
  } catch (const std::exception& error) {
    return kiban::cli::complain("inside", error.what(), "This is a mistake of kiban, report it.");
  }
}
