// What people call by name, the API by ARN.
#pragma once

#include <string>

#include "cli/client.h"

namespace kiban::cli {

// A state machine by its ARN or name. Error: its name is not known; the cause lists those that are.
Result<std::string> find_machine(const Client& client, const std::string& name);

// Executions of a machine, or of all standard ones when `machine` is empty; newest first. At most
// `most` of each.
Result<json::array> find_executions(const Client& client, const std::string& machine,
                                    const std::string& status, std::size_t most = 10'000);

// An execution by its ARN, its name, the beginning of its name, or a machine's name: the newest of
// it.
Result<std::string> find_execution(const Client& client, const std::string& text);

}  // namespace kiban::cli
