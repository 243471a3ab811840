#include "cli/find.h"

#include <fmt/core.h>

#include <algorithm>

#include "cli/table.h"

namespace kiban::cli {

namespace {

Result<json::array> list_machines(const Client& client) {
  return client.list("states", "ListStateMachines", {}, "stateMachines");
}

std::string names_of(const json::array& all, std::string_view member, std::size_t most) {
  std::string names;
  for (std::size_t i = 0; i < all.size() && i < most; ++i)
    names += (i == 0 ? "" : ", ") + text_of(all[i].as_object(), member);
  return all.size() > most ? names + ", …" : names;
}

}  // namespace

Result<std::string> find_machine(const Client& client, const std::string& name) {
  if (name.starts_with("arn:")) return name;
  KIBAN_TRY(const json::array machines, list_machines(client));
  for (const json::value& each : machines)
    if (text_of(each.as_object(), "name") == name)
      return text_of(each.as_object(), "stateMachineArn");
  return fail("StateMachineDoesNotExist",
              fmt::format("no state machine is called '{}'; there {}", name,
                          machines.empty() ? "is none" : "are: " + names_of(machines, "name", 20)));
}

Result<json::array> find_executions(const Client& client, const std::string& machine,
                                    const std::string& status, std::size_t most) {
  json::array machines;
  if (machine.empty()) {
    KIBAN_TRY(machines, list_machines(client));
  } else {
    KIBAN_TRY(const std::string arn, find_machine(client, machine));
    machines.push_back(json::object{{"stateMachineArn", arn}});
  }
  json::array executions;
  for (const json::value& each : machines) {
    json::object input{{"stateMachineArn", text_of(each.as_object(), "stateMachineArn")}};
    if (!status.empty()) input["statusFilter"] = status;
    if (most < 1000) input["maxResults"] = most;
    auto found = client.list("states", "ListExecutions", input, "executions", most);
    // Express machines keep none; one of many says nothing about it.
    if (!found && machine.empty() && found.error().name == "StateMachineTypeNotSupported") continue;
    if (!found) return std::unexpected(found.error());
    for (std::size_t i = 0; i < found->size() && i < most; ++i) executions.push_back((*found)[i]);
  }
  sort_newest_first(executions, "startDate");
  return executions;
}

Result<std::string> find_execution(const Client& client, const std::string& text) {
  if (text.starts_with("arn:")) return text;
  KIBAN_TRY(const json::array machines, list_machines(client));
  for (const json::value& each : machines) {
    if (text_of(each.as_object(), "name") != text) continue;
    KIBAN_TRY(const json::array newest, find_executions(client, text, "", 1));
    if (newest.empty())
      return fail("ExecutionDoesNotExist",
                  fmt::format("no execution of the state machine {} is kept", text));
    return text_of(newest[0].as_object(), "executionArn");
  }
  KIBAN_TRY(const json::array executions, find_executions(client, "", ""));
  json::array alike;
  for (const json::value& each : executions) {
    const std::string name = text_of(each.as_object(), "name");
    if (name == text) return text_of(each.as_object(), "executionArn");  // The newest of the name.
    if (name.starts_with(text)) alike.push_back(each);
  }
  if (alike.size() == 1) return text_of(alike[0].as_object(), "executionArn");
  if (!alike.empty())
    return fail("Ambiguous", fmt::format("the names of {} executions begin with '{}': {}",
                                         alike.size(), text, names_of(alike, "name", 5)));
  return fail("ExecutionDoesNotExist",
              fmt::format("no execution and no state machine is called '{}'", text));
}

}  // namespace kiban::cli
