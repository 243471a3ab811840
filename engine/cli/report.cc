#include "cli/report.h"

#include <cstdio>

namespace kiban::cli {

int complain(const std::string& what, const std::string& why, const std::string& what_to_do) {
  const bool stopped = why.ends_with('.');
  std::fprintf(stderr, "kiban: %s: %s%s%s%s\n", what.c_str(), why.c_str(), stopped ? "" : ".",
               what_to_do.empty() ? "" : " ", what_to_do.c_str());
  return exit_failed;
}

}  // namespace kiban::cli
