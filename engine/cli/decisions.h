// What the server recorded of decisions, and what these are about: policies of roles, resources of
// stacks.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "cli/client.h"
#include "iam/report/record.h"
#include "iam/report/resources.h"
#include "iam/report/usage.h"

namespace kiban::cli {

struct DecisionFilter {
  std::string after{};  // The id of a record: only those that came later.
  bool denied{false};
  std::string role{};              // A name; empty: everybody.
  std::chrono::seconds follow{0};  // How long to wait for one when there is none.
};
// Oldest first. The server keeps denials over a restart, of what it allowed the newest.
Result<std::vector<iam::report::Record>> fetch_decisions(const Client& client,
                                                         const DecisionFilter& filter);

// Inline and attached policies of a role. Of those of AWS whose text the server does not know the
// document is empty.
Result<iam::report::RolePolicies> fetch_role(const Client& client, const std::string& name);

struct Stacks {
  iam::report::Resources resources{};
  std::map<std::string, json::object> templates{};  // By the stack's name.
};
Result<Stacks> fetch_stacks(const Client& client);

// "role/team/runner" as runner, "a/b" as b; a service's name as it is.
std::string short_name(const std::string& arn);

}  // namespace kiban::cli
