#include <exception>

#include "cli/cli.h"
#include "cli/report.h"

int main(int argc, char** argv) {
  try {
    return kiban::cli::run(argc, argv);
  } catch (const std::exception& error) {
    return kiban::cli::complain("inside", error.what(), "This is a mistake of kiban, report it.");
  }
}
