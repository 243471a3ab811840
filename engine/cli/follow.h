// Watches an execution in the terminal: its states as they begin and end, and between them the log
// lines of its ECS tasks' containers.
#pragma once

#include <string>

#include "cli/client.h"

namespace kiban::cli {

// While it lives, the first Ctrl-C is only noticed; the second ends the program.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  bool happened() const;
};

// Until the execution ends; its status. RUNNING after Ctrl-C.
Result<std::string> follow(const Client& client, const std::string& execution_arn);

}  // namespace kiban::cli
