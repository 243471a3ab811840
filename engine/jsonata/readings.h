// The names that an expression reads: its variables and the paths of its input.
#pragma once

#include <string>
#include <vector>

#include "jsonata/jsonata.h"

namespace kiban::jsonata {

// Each name once, in the order of the text.
struct Readings {
  std::vector<std::string> variables{};  // $name that neither it binds nor JSONata defines.
  std::vector<std::string> fields{};     // Names read from the input itself: `a` of a.b[c].
  bool document{false};                  // $$, the input as a whole.
  bool error_output{false};              // $states.errorOutput.
};
Readings readings(const Expression& expression);

}  // namespace kiban::jsonata
