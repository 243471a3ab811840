// What may follow on a command line, for the shells' Tab key. The scripts only ask
// `kiban __complete`, which walks the same tree of commands that parses: nothing is listed twice.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/client.h"

namespace CLI {
class App;
}

namespace kiban::cli {

// The script for bash, zsh or fish.
std::string completion_script(const std::string& shell);

enum class Names {
  StateMachines,
  Executions,
  LogGroups,
  Clusters,
  Rules,
  Roles,
  Stacks,
  Functions
};
// Asks the server, which must answer soon; empty when there is none.
using FindNames = std::function<std::vector<std::string>(Names, const ClientOptions&)>;
std::vector<std::string> find_names(Names names, const ClientOptions& options);

// Candidates for the last of `words` (the program's name is not among them), a line each:
// "WORD\tHELP", and ":files" or ":directories" where the shell knows better.
std::vector<std::string> complete(const CLI::App& app, const std::vector<std::string>& words,
                                  const FindNames& find);

}  // namespace kiban::cli
