// Watches an execution in the terminal: its states as they begin and end, and between them what the
// containers of its ECS tasks write to their logs.
#pragma once

#include <string>

#include "cli/client.h"

namespace kiban::cli {

// Until the execution ends; its status.
Result<std::string> follow(const Client& client, const std::string& execution_arn);

}  // namespace kiban::cli
