// The resource types that can be deployed. Each is an entry of one of the types_*.cc: which
// properties it has, which of them force replacement, and what its life means in operations of our
// services. Properties and replacement as the template reference says:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
//
// Entry: {"Type", "Service", "Known": [...], "Replace": [...], "Updates"?: [...], "Name"?: property
// whose absence means a generated name, "NameMax"?, "Suffix"?: {property: what a generated name
// ends with when it is true}, "Lower"?: names in lower case, "Defaults"?:
// what an update sets properties to that went, "Only"?: the values of a property, or of a member of
// it, that are served, "SameName"?: may be replaced under a name of the user's, "DefaultPolicy"?:
// DeletionPolicy when none is given, "Create"/"Update"/"Delete"/"Snapshot" (instead of Delete, with
// that policy): steps or the name of another list, "Id": value, "Attributes": {name: value},
// "TagId"?: value, for tag operations, "Read"?: a step whose reply Attributes may use as well,
// "Wait"?: {"op", "in", "at": path, "ready": [...], "failed": [...], "why"?: path, "fault"?: the
// reason of the failure, used instead of the value at "why"}, "Gone"?: {"op", "in", "at": path,
// "is":
// [...], "absent": [codes]} when deletion takes its time, "Handler"?: code of CloudFormation's own
// that is its life instead, "Open"?: it takes any property, "OpenAttributes"?: how further
// attributes begin, "Prepare"?: code that runs before the steps and gives them more values
// (Lifecycle::prepare), "TagMap"?: its Tags are a map, not a list} Step: {"op", "in", "each"?: a
// list property, "gone"?: the members of one that the new value lacks, "new"?: those that the old
// one lacked, "key"?: which member tells them apart, "when"?: only with this property, "dropped"?:
// only when this property went, "fresh"?: only when it came, "if"?: {property: the only value},
// "changed"?: only when one of these changed, "find"?: {"op", "in", "at": list in the reply, "by":
// {member: value}}, whose first entry with those members is "=@found", without which the step is
// left out, "ignore"?: [codes], "again"?: [codes] ignored when an
// update before this one failed on its way, "retry"?: [codes] of a deletion that others still hold
// up}
//
// A text beginning with '=' is a value: "=Property.Member", or "=@id", "=@name", "=@item",
// "=@reply.A.0",
// "=@read.A", "=@before.Property" (of an update), "=@account", "=@region", "=@endpoint";
// "=how:value" changes it: json (text of it), lower (member names begin in lower case), str, int,
// bool, path (with a slash in front), tagmap, lowertags, kmstags, taglist, fullname (of a balancer
// or target group), spec-KIND (EC2's TagSpecifications), those of buckets.h, schedules.h and
// functions.h. What is absent is left out. A text beginning with '~' has {such values} in it.
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

bool has_tags(const json::object& type);
bool forces_replacement(const json::object& type, std::string_view property);
bool can_update(const json::object& type, std::string_view property);
// The operations that set tags of a resource that is there, and take them away: {"Tag": step,
// "Untag": step, "System"?: false without CloudFormation's own tags}. They see "=@tagid" and
// "=@untag.Keys". nullptr: the type has none.
const json::object* find_tag_steps(const json::object& type);

// Whether CloudFormation's own tags are set on it: not on what IAM has, nor on scalable targets.
bool has_system_tags(const json::object& type);

// Error `ValidationError`: unknown types ("Unrecognized resource types: [X]"), properties
// ("Encountered unsupported property X") and attributes.
Result<void> check_resources(const json::object& tree);

// What the values of an entry see.
struct Scope {
  json::object properties{};
  json::object own{};  // id, name, item, reply, read, account, region, ...
};
// nullopt: absent.
std::optional<json::value> fill(const json::value& shape, const Scope& scope);

}  // namespace kiban::cfn
