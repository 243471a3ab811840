// The resource types that can be deployed. Each is an entry of one of the types_*.cc: which
// properties it has, which of them force replacement, and what its life means in operations of our
// services. Properties and replacement as the template reference says:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
//
// Entry: {"Type", "Service", "Known": [...], "Replace": [...], "Name"?: property whose absence
// means a generated name, "NameMax"?, "Lower"?: names in lower case, "Create"/"Update"/"Delete":
// [{"op", "in", "service"?, "each"?, "when"?, "ignore"?: [codes]}], "Id": value, "Attributes":
// {name: value}, "Read"?: a step whose reply Attributes may use as well, "Wait"?: {"op", "in",
// "at": path, "ready": [...], "failed": [...]}}
//
// A text beginning with '=' is a value: "=Property.Member", or "=@id", "=@name", "=@item",
// "=@reply.A.0",
// "=@read.A", "=@account", "=@region", "=@endpoint"; "=how:value" changes it: json (text of it),
// lower (member names begin in lower case), str, int, bool, tagmap, lowertags, spec-KIND (EC2's
// TagSpecifications). What is absent is left out. A text beginning with '~' has {such values} in
// it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace kiban::cfn {

const json::object* find_type(std::string_view name);
std::vector<std::string> type_names();

// Error `ValidationError`: unknown types ("Unrecognized resource types: [X]") and properties
// ("Encountered unsupported property X").
Result<void> check_resources(const json::object& tree);

// What the values of an entry see.
struct Scope {
  json::object properties{};
  json::object own{};  // id, name, item, reply, read, account, region, ...
};
// nullopt: absent.
std::optional<json::value> fill(const json::value& shape, const Scope& scope);

}  // namespace kiban::cfn
