// The options of `kiban iam` and of what is below it.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cli/commands.h"

namespace kiban::cli {

struct IamChoice {
  ClientOptions client{};
  OutputOptions output{};
  IamOptions iam{};
  ProveOptions prove{};
  std::vector<std::string> policy_requests{};  // Files of iam evaluate.
};

// `choice` outlives the app; `choose` gets the command that the words name.
void add_iam(CLI::App& app, IamChoice& choice,
             const std::function<void(std::function<int()>)>& choose);

}  // namespace kiban::cli
