#include "cli/completion.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <set>

#include "cli/find.h"
#include "cli/table.h"

namespace kiban::cli {

namespace {

constexpr const char* bash_script = R"(_kiban() {
  local IFS=$'\n' line current=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  [ "$current" != = ] || current=
  for line in $("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
    case $line in
      :files) compopt -o filenames; COMPREPLY+=($(compgen -f -- "$current")) ;;
      :directories) compopt -o filenames; COMPREPLY+=($(compgen -d -- "$current")) ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done
}
complete -F _kiban kiban ./kiban
)";

constexpr const char* zsh_script = R"(#compdef kiban
_kiban() {
  local line word
  local -a described
  for line in "${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :files) _files ;;
      :directories) _files -/ ;;
      *) word=${line%%$'\t'*}; described+=("${word//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  (( $#described )) && _describe -t words kiban described
}
compdef _kiban kiban
)";

constexpr const char* fish_script = R"(function __kiban_complete
    set -l words (commandline -opc) (commandline -ct)
    command $words[1] __complete -- $words[2..-1] 2>/dev/null
end
complete -c kiban -f -a '(__kiban_complete | string match -v -r "^:")'
complete -c kiban -n '__kiban_complete | string match -q ":files"' -F
complete -c kiban -n '__kiban_complete | string match -q ":directories"' -a '(__fish_complete_directories (commandline -ct))'
)";

// By the name of the option or the argument.
const std::map<std::string, Names, std::less<>> names_by_option{
    {"STATE_MACHINE", Names::StateMachines},
    {"EXECUTION", Names::Executions},
    {"LOG_GROUP", Names::LogGroups},
    {"--cluster", Names::Clusters},
    {"--rule", Names::Rules},
    {"--role", Names::Roles},
    {"--stack", Names::Stacks},
    {"FUNCTION", Names::Functions},
    {"--function", Names::Functions}};
const std::set<std::string, std::less<>> files{"FILE", "--mock-config", "--allow", "--scenario"};
const std::set<std::string, std::less<>> directories{"DIR", "--data", "--source"};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// "{sigv4,any}", as CLI::IsMember describes itself.
std::vector<std::string> choices_of(const CLI::Option& option) {
  // CLI11 has no access to validators of a const Option; nothing is changed through the cast.
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  std::vector<std::string> choices;
  if (open == std::string::npos || close == std::string::npos) return choices;
  std::string rest = type.substr(open + 1, close - open - 1);
  for (std::size_t at = 0; at <= rest.size();) {
    const std::size_t comma = std::min(rest.find(',', at), rest.size());
    choices.push_back(rest.substr(at, comma - at));
    at = comma + 1;
  }
  return choices;
}

// A walk along the words that are complete.
class Walk {
 public:
  explicit Walk(const CLI::App& app) : app_(&app) {}

  void take(const std::string& word) {
    if (wants_value_ != nullptr) {
      note(*wants_value_, word);
      wants_value_ = nullptr;
    } else if (word.starts_with('-') && word.size() > 1) {
      const std::size_t equals = word.find('=');
      const CLI::Option* option = app_->get_option_no_throw(word.substr(0, equals));
      if (option == nullptr) return;
      given_.insert(option);
      if (option->get_items_expected_max() == 0) return;
      if (equals == std::string::npos)
        wants_value_ = option;
      else
        note(*option, word.substr(equals + 1));
    } else if (const CLI::App* command = find_command(word)) {
      app_ = command;
      arguments_ = 0;
    } else {
      ++arguments_;
    }
  }

  const CLI::App& app() const { return *app_; }
  const CLI::Option* wants_value() const { return wants_value_; }
  const ClientOptions& client() const { return client_; }
  bool was_given(const CLI::Option* option) const { return given_.contains(option); }

  // The argument to complete.
  const CLI::Option* argument() const {
    std::size_t place = 0;
    for (const CLI::Option* option : app_->get_options())
      if (option->get_positional()) {
        if (place == arguments_ || option->get_items_expected_max() > 1) return option;
        ++place;
      }
    return nullptr;
  }

 private:
  const CLI::App* find_command(const std::string& name) const {
    for (const CLI::App* each : app_->get_subcommands([](const CLI::App*) { return true; }))
      if (each->get_name() == name) return each;
    return nullptr;
  }

  void note(const CLI::Option& option, const std::string& value) {
    if (option.check_name("--data")) client_.data = value;
    if (option.check_name("--endpoint")) client_.endpoint = value;
  }

  const CLI::App* app_;
  const CLI::Option* wants_value_{nullptr};
  std::size_t arguments_{0};
  std::set<const CLI::Option*> given_{};
  ClientOptions client_{};
};

class Candidates {
 public:
  explicit Candidates(std::string prefix) : prefix_(std::move(prefix)) {}

  void add(const std::string& word, const std::string& help) {
    if (word.starts_with(prefix_)) lines.push_back(word + "\t" + first_line(help));
  }

  void add_values(const CLI::Option& option, const ClientOptions& client, const FindNames& find) {
    const std::string& name = option.get_single_name();
    const std::string called = option.get_positional() ? option.get_name(true) : "--" + name;
    for (const std::string& choice : choices_of(option)) add(choice, option.get_description());
    if (files.contains(called)) lines.emplace_back(":files");
    if (directories.contains(called)) lines.emplace_back(":directories");
    if (const auto found = names_by_option.find(called); found != names_by_option.end())
      for (const std::string& each : find(found->second, client)) add(each, called);
  }

  std::vector<std::string> lines{};

 private:
  std::string prefix_;
};

}  // namespace

std::string completion_script(const std::string& shell) {
  return shell == "bash" ? bash_script : shell == "zsh" ? zsh_script : fish_script;
}

std::vector<std::string> complete(const CLI::App& app, const std::vector<std::string>& words,
                                  const FindNames& find) {
  Walk walk{app};
  std::string current;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "=") continue;  // bash makes three words of --auth=any.
    if (i + 1 < words.size())
      walk.take(words[i]);
    else
      current = words[i];
  }
  Candidates candidates{current};
  if (const CLI::Option* option = walk.wants_value()) {
    candidates.add_values(*option, walk.client(), find);
    return candidates.lines;
  }
  if (!current.starts_with('-')) {
    for (const CLI::App* each : walk.app().get_subcommands([](const CLI::App*) { return true; }))
      if (!each->get_group().empty()) candidates.add(each->get_name(), each->get_description());
    if (const CLI::Option* argument = walk.argument())
      candidates.add_values(*argument, walk.client(), find);
  }
  // Options where nothing else is possible, or where the word begins with '-'.
  if (current.starts_with('-') || candidates.lines.empty())
    for (const CLI::Option* option : walk.app().get_options())
      if (!option->get_positional() && !walk.was_given(option))
        candidates.add("--" + option->get_single_name(), option->get_description());
  return candidates.lines;
}

std::vector<std::string> find_names(Names names, const ClientOptions& options) {
  Client client = make_client(options);
  client.timeout = std::chrono::seconds{1};
  struct Source {
    const char* service;
    const char* operation;
    const char* member;
    const char* name;  // Empty: an entry is an ARN, whose last part counts.
  };
  const std::map<Names, Source> sources{
      {Names::StateMachines, {"states", "ListStateMachines", "stateMachines", "name"}},
      {Names::LogGroups, {"logs", "DescribeLogGroups", "logGroups", "logGroupName"}},
      {Names::Clusters, {"ecs", "ListClusters", "clusterArns", ""}},
      {Names::Rules, {"events", "ListRules", "Rules", "Name"}}};
  std::vector<std::string> found;
  if (names == Names::Executions) {
    constexpr std::size_t newest_of_each = 20;
    if (const auto all = find_executions(client, "", "", newest_of_each))
      for (const json::value& each : *all) found.push_back(text_of(each.as_object(), "name"));
    names = Names::StateMachines;  // Its newest.
  }
  // Services of other protocols than JSON's.
  struct Asked {
    const char* service;
    const char* operation;
    Client::Pages pages;
    const char* name;
  };
  const std::map<Names, Asked> asked{
      {Names::Roles, {"iam", "ListRoles", {.member = "Roles"}, "RoleName"}},
      {Names::Functions,
       {"lambda",
        "ListFunctions",
        {.member = "Functions", .token_out = "NextMarker"},
        "FunctionName"}},
      {Names::Stacks,
       {"cloudformation",
        "DescribeStacks",
        {.member = "Stacks", .token_in = "NextToken", .token_out = "NextToken"},
        "StackName"}}};
  if (const auto other = asked.find(names); other != asked.end()) {
    const Asked& source = other->second;
    const auto all = client.ask_all(source.service, source.operation, {}, source.pages);
    for (const json::value& each : all.value_or(json::array{}))
      found.push_back(text_of(each.as_object(), source.name));
    return found;
  }
  const Source& source = sources.at(names);
  const auto all = client.list(source.service, source.operation, {}, source.member, 1000);
  for (const json::value& each : all.value_or(json::array{})) {
    if (each.is_object()) {
      found.push_back(text_of(each.get_object(), source.name));
    } else {
      const std::string arn = to_string(each.as_string());
      found.push_back(arn.substr(arn.rfind('/') + 1));
    }
  }
  return found;
}

}  // namespace kiban::cli
