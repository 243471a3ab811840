// What the files of sam/ share.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace kiban::cfn::sam {

// A JSON array: [{"Name", "Parameters": [...], "Statement": [...]}].
extern const std::string_view policy_templates;

// A resource that a SAM resource stands for.
struct Made {
  std::string id{};
  json::object body{};  // "Type", "Properties", and attributes such as "Condition".
};

// References to a SAM resource that become those to another one: "F.Alias" or "Layer".
using Renamed = std::map<std::string, std::string>;

struct Scope {
  json::object& resources;  // Of the template that is made: S3 events change a bucket.
  const std::map<std::string, json::value>& values;  // Of parameters, AWS::Region, AWS::Partition.
  std::vector<Made> made{};
  Renamed properties{};       // "F.Alias" to the alias's logical id.
  Renamed ids{};              // Of layers, whose logical id gets a hash.
  json::object conditions{};  // To be added.
};

// "Resource with id [F] is invalid. WHY"
std::unexpected<Error> invalid(const std::string& id, const std::string& why);
// The same of an event of the resource.
std::unexpected<Error> invalid_event(const std::string& id, const std::string& event,
                                     const std::string& why);
// Error: the first member of `given` that is neither in `known` nor in `refused`, by the name of
// AWS's error; those in `refused` by a text that says kiban does not honour them.
Result<void> check_members(const std::string& id, std::string_view what, const json::object& given,
                           std::initializer_list<std::string_view> known,
                           std::initializer_list<std::string_view> refused = {});

// Error: one of these is there and not an object.
Result<void> check_maps(const std::string& id, const json::object& given,
                        std::initializer_list<std::string_view> names);

json::object reference(std::string_view id);  // {"Ref": id}
json::object attribute(std::string_view id, std::string_view name);
bool is_intrinsic(const json::value& value);  // One member, "Ref", "Condition" or "Fn::…".
bool is_no_value(const json::value& value);   // {"Ref": "AWS::NoValue"}
// The three elements of an Fn::If; nullptr: it is none.
const json::array* if_parts(const json::value& value);
// Python's notion: absent, null, false, 0, "" and empty collections are not.
bool is_set(const json::value* value);

// Condition, DeletionPolicy and UpdateReplacePolicy of a SAM resource: everything made of it has
// them.
json::object passed_on(const json::object& resource);
// Those, DependsOn, UpdatePolicy and Metadata, of the one resource that takes its place.
json::object own_attributes(const json::object& resource);
json::object body(std::string_view type, json::object properties, const json::object& attributes);
void copy_members(json::object& out, const json::object& from,
                  std::initializer_list<std::string_view> names);

json::array tag_list(const json::object* tags);
// {created_by: "SAM"} in front of the tags.
json::array tag_list_with(std::string_view created_by, const json::object* tags);
// PropagateTags: gives `tags` to the resources made from `first` on whose type is in `types`.
void tag_made(Scope& scope, std::size_t first, std::span<const std::string_view> types,
              const json::array& tags);

// References to parameters replaced by their values, as far as they are known.
json::value resolved(json::value value, const std::map<std::string, json::value>& values);
// Ten hexadecimal digits of the SHA-1 of the value's canonical text.
std::string hash_of(const json::value& value);
// As lines, sorted by key, four spaces a level.
std::vector<std::string> pretty_lines(const json::value& value);

// s3://BUCKET/KEY?versionId=V or {"Bucket", "Key", "Version"}.
Result<json::object> s3_location(const std::string& id, std::string_view property,
                                 const json::value& given);

// Policies (policies.cc): of Policies' entries the managed ones by ARN, the others inline, with
// names that begin with `name`. Policy templates are filled.
struct Policies {
  json::array managed{};
  json::array documents{};
};
Result<void> add_policies(const std::string& id, const json::value* given, std::string_view name,
                          Policies& out);
json::object policy(const std::string& name, json::value action, json::value resource);
json::object trust_of(std::string_view service);
std::string managed_policy_arn(std::string_view name);

// Events (events.cc).
struct Target {
  std::string id{};  // The SAM resource's.
  json::value arn{};
  json::value name{};         // What Lambda's FunctionName gets.
  json::object attributes{};  // passed_on()
  bool is_function{false};
  json::value permissions_boundary{};  // Of roles that are made for events.
};
// `role`: the function's own, which pull events extend; nullptr: none.
Result<void> add_event(Scope& scope, const Target& target, const std::string& name,
                       const json::value& event, json::object* role);

Result<void> merge_globals(json::object& tree);
Result<void> add_function(Scope& scope, const std::string& id, const json::object& resource);
Result<void> add_state_machine(Scope& scope, const std::string& id, const json::object& resource);
Result<void> add_layer_version(Scope& scope, const std::string& id, const json::object& resource);

}  // namespace kiban::cfn::sam
