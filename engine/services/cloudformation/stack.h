// A stack and its resources as the rows hold them. Each struct has one member table in stack.cc,
// which reads and prints the row: an absent member has its default, and a default is not printed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/base/service.h"

namespace kiban::services::cloudformation {

// What is under way; deployment.h says what each does.
enum class StackOperation { None, Create, Update, Rollback, Delete, UpdateRollback, Cleanup };
// As statuses begin: "UPDATE_ROLLBACK".
std::string_view text_of(StackOperation operation);

// What a failure of a resource fails.
enum class Verb { Create, Update };
std::string_view text_of(Verb verb);

// Of a resource that is being deleted.
enum class End { Open, Gone, Failed };

// What an operation did to a resource.
enum class Touch { Created, Updated, Replaced, Reverted };

struct Resource {
  std::string logical_id{};
  std::string type{};
  std::string physical_id{};  // Empty: not made yet.
  std::string name{};         // Given or generated; of types that have one.
  json::object properties{};  // As applied, dynamic references unresolved.
  json::object attributes{};
  std::optional<json::object> attempted{};  // The properties of an update that failed on its way.
  std::string status{};
  std::string reason{};
  std::optional<Timestamp> time{};  // Of the status.
  std::string deletion_policy{"Delete"};
  std::string update_replace_policy{"Delete"};
  std::vector<std::string> needs{};  // Logical ids that it depends on.
  Verb verb{Verb::Create};
  bool waiting{false};
  bool partial{false};  // Left by a creation that failed.
  bool reverting{false};
  std::optional<Timestamp> since{};  // When it began to wait.
  json::object handler{};  // What a type with code of its own remembers (custom_resource.cc).
  bool no_echo{false};     // Its attributes are not to be shown.

  // Of one that is being deleted.
  std::string policy{"Delete"};
  End end{End::Open};
  bool deleting{false};  // Its service was asked to.
  std::int64_t tries{0};
};

// What a client wants a stack to be.
struct Desired {
  std::string body{};  // The template as given.
  // The template with its transforms applied, checked. Empty: an earlier release took a template
  // that this one refuses.
  json::object tree{};
  std::map<std::string, std::string> given{};  // Values of parameters by name.
  std::map<std::string, std::string> ssm{};    // Of the Parameter Store as of then, by name.
  json::array parameters{};                    // As DescribeStacks shows them.
  json::array tags{};
  std::string role_arn{};
  json::array capabilities{};
  json::array notification_arns{};
  std::string description{};
};

struct Stack {
  std::string uuid{};
  std::string name{};
  std::string id{};  // ARN
  std::string account{};
  std::string region{};
  std::string parent_id{};  // ARN of the stack that this one is a resource of.
  std::string root_id{};
  Timestamp creation_time{};
  std::optional<Timestamp> last_updated_time{};
  std::optional<Timestamp> deletion_time{};
  std::string status{};
  std::string reason{};
  Desired desired{};
  std::vector<Resource> resources{};
  json::array outputs{};               // AWS's Output structures.
  std::vector<std::string> imports{};  // Names of exports.
  bool termination_protection{false};
  bool disable_rollback{false};
  std::string on_failure{};
  std::int64_t timeout_in_minutes{0};  // 0: none.
  std::string change_set_id{};
  std::string token{};  // ClientRequestToken of the last operation, and which one it was.
  std::string token_of{};
  std::int64_t events{0};  // So far.
  std::optional<Timestamp> event_time{};

  // The operation under way.
  StackOperation operation{StackOperation::None};
  Caller caller{};  // Who asked for it.
  std::optional<Timestamp> began{};
  std::set<std::string> done{};
  std::vector<std::pair<std::string, Touch>> touched{};
  std::vector<Resource> doomed{};
  std::vector<Resource> backup{};     // "resources" before an update.
  std::optional<Desired> previous{};  // What an update replaced.
  std::string failure{};              // Why it is rolled back.
  bool rolled_back{false};
  bool retain_except_on_create{false};
  bool keep_on_failure{false};
  bool force_delete{false};
};

// By logical id; nullptr: none.
Resource* find_resource(std::vector<Resource>& all, std::string_view logical_id);
const Resource* find_resource(const std::vector<Resource>& all, std::string_view logical_id);

json::object print_stack(const Stack& stack);
// A row of an earlier release too. DamagedRow: a name of an enumerator that is unknown.
Stack read_stack(std::string_view key, const json::object& row);
json::object print_desired(const Desired& desired);
Desired read_desired(std::string_view key, const json::object& row);

}  // namespace kiban::services::cloudformation
