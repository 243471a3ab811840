#include "core/result.h"

#include <cstdio>
#include <cstdlib>

namespace kiban {

void check_failed(const char* file, int line, const char* expression, const std::string& message) {
  std::fprintf(stderr, "kiban: broken invariant at %s:%d: %s: %s. Please report this.\n", file,
               line, expression, message.c_str());
  std::abort();
}

}  // namespace kiban
