#include "services/cloudformation/desired.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "api/codec.h"
#include "cfn/check.h"
#include "cfn/parameters.h"
#include "cfn/template.h"
#include "cfn/transform.h"
#include "cfn/types.h"
#include "core/letters.h"
#include "services/base/bulk.h"
#include "services/base/rights.h"
#include "services/base/table_service.h"
#include "services/cloudformation/deployment.h"
#include "services/cloudformation/lifecycle.h"
#include "services/cloudformation/outputs.h"
#include "services/cloudformation/refusals.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
constexpr std::size_t body_bytes_max = 51'200;
constexpr std::size_t object_bytes_max = 1'048'576;
constexpr std::size_t tags_max = 50;

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationError", std::move(cause));
}

struct Place {
  std::string bucket{};
  std::string key{};
};

// s3://BUCKET/KEY, http(s)://HOST/BUCKET/KEY, or https://BUCKET.s3….amazonaws.com/KEY. Nothing: it
// is none of these.
std::optional<Place> place_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t slash = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
  if (slash == std::string::npos) return std::nullopt;
  const std::string host = url.substr(scheme + 3, slash - scheme - 3);
  std::string path = url.substr(slash + 1, url.find('?') - slash - 1);
  if (url.starts_with("s3://")) return Place{.bucket = host, .key = path};
  path = api::decode_uri(path).value_or(path);
  const std::size_t virtual_host = host.find(".s3");
  if (virtual_host != std::string::npos && host.ends_with(".amazonaws.com"))
    return Place{.bucket = host.substr(0, virtual_host), .key = path};
  const std::string bucket = path.substr(0, path.find('/'));
  return Place{.bucket = bucket,
               .key = bucket.size() < path.size() ? path.substr(bucket.size() + 1) : ""};
}

Result<void> check_tags(const json::array& tags) {
  if (tags.size() > tags_max) return invalid("There are more than 50 tags");
  std::set<std::string> keys;
  for (const json::value& tag : tags) {
    const std::string key = text(tag.as_object(), "Key");
    if (lower_case(key).starts_with("aws:")) {
      return invalid("aws: prefixed tag key names are not allowed for external use.");
    }
    if (!keys.insert(key).second) return invalid("Duplicate tag keys found: " + key);
  }
  return {};
}

Result<std::map<std::string, std::string>> given_in(const json::object& input, const Stack& stack,
                                                    bool update) {
  std::map<std::string, std::string> given;
  const std::map<std::string, std::string>& previous = stack.desired.given;
  const json::array* parameters = find_array(input, "Parameters");
  for (const json::value& entry : parameters ? *parameters : json::array{}) {
    const json::object& one = entry.as_object();
    const std::string key = text(one, "ParameterKey");
    const bool previous_one = flag(one, "UsePreviousValue");
    if (previous_one && one.contains("ParameterValue")) {
      return invalid(
          fmt::format("Invalid input for parameter key {}. Cannot specify "
                      "usePreviousValue as true while also specifying a value for the "
                      "parameter",
                      key));
    }
    if (!previous_one && !one.contains("ParameterValue")) {
      return invalid(
          fmt::format("Invalid input for parameter key {}. Need to specify either "
                      "usePreviousValue as true or a value for the parameter",
                      key));
    }
    if (!previous_one) {
      given[key] = text(one, "ParameterValue");
    } else if (update && previous.contains(key)) {
      given[key] = previous.at(key);
    } else {
      return invalid(fmt::format(
          "Invalid input for parameter key {}. Cannot specify usePreviousValue as true for a "
          "parameter key not in the previous template",
          key));
    }
  }
  return given;
}

Result<void> check_capabilities(const json::object& tree, const json::object& input) {
  const Needed needed = needed_capability(tree);
  const json::array* given = find_array(input, "Capabilities");
  // A change set shows what a transform made, so that nobody need acknowledge it beforehand.
  const json::value expand("CAPABILITY_AUTO_EXPAND");
  if (tree.contains("Transform") && !input.contains("ChangeSetName") &&
      (!given || std::ranges::find(*given, expand) == given->end())) {
    return fail("InsufficientCapabilitiesException",
                "Requires capabilities : [CAPABILITY_AUTO_EXPAND]");
  }
  if (needed.capability.empty()) return {};
  for (const json::value& one : given ? *given : json::array{}) {
    const std::string_view capability = one.as_string();
    if (capability == "CAPABILITY_NAMED_IAM" || capability == needed.capability) return {};
  }
  return fail("InsufficientCapabilitiesException",
              fmt::format("Requires capabilities : [{}]", needed.capability));
}

// Every value that can be known now is computed once before anything is made: selections and
// mappings that are not there, outputs that are no text, exports of one name. What is imported is
// looked up when the stack gets there.
Result<void> check_values(const json::object& tree, cfn::Evaluator& evaluator) {
  evaluator.plan_only(true);
  for (const std::string& id : evaluator.present()) {
    KIBAN_TRY([[maybe_unused]] const json::object properties, evaluator.properties(id));
  }
  const json::object* outputs = find_object(tree, "Outputs");
  std::set<std::string> names;
  std::vector<std::string> twice;
  for (const auto& entry : outputs ? *outputs : json::object{}) {
    const json::object& output = entry.value().as_object();
    if (!evaluator.holds(output)) continue;
    KIBAN_TRY(const auto value, evaluator.evaluate(output.at("Value")));
    if (value && (value->is_array() || value->is_object())) {
      return invalid(
          "Template format error: The Value field of every Outputs member must evaluate to a "
          "String.");
    }
    const json::object* exported = find_object(output, "Export");
    if (!exported) continue;
    KIBAN_TRY(const auto name, evaluator.evaluate(exported->at("Name")));
    KIBAN_TRY_VOID(cfn::check_export_name(entry.key(), name.value_or(nullptr)));
    if (!names.insert(std::string(name->as_string())).second) twice.emplace_back(name->as_string());
  }
  if (twice.empty()) return {};
  return invalid(fmt::format(
      "Template format error: The Outputs section contains duplicate Export names: [{}]. Specify a "
      "unique name for each export.",
      fmt::join(twice, ", ")));
}

// Ports for checking: an import that is not there yet is unknown.
cfn::Ports checking_ports(Context& context, const Stack& stack, const Caller& as) {
  cfn::Ports ports = make_ports(context, stack.region, {}, as);
  ports.import_value = [import = ports.import_value](const std::string& name) {
    auto value = import(name);
    return value ? value : Result<json::value>(json::string(cfn::known_after_apply));
  };
  ports.stack_output = [read = ports.stack_output](const std::string& stack_name,
                                                   const std::string& region,
                                                   const std::string& output) {
    auto value = read(stack_name, region, output);
    return value ? value : Result<json::value>(json::string(cfn::known_after_apply));
  };
  return ports;
}

// Parameters whose types are EC2's name what is there.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
Result<void> check_existing(Context& context, const Caller& as, const cfn::Parameters& parameters) {
  struct Kind {
    std::string_view type{};
    std::string_view operation{};
    std::string_view member{};
  };
  constexpr Kind kinds[] = {
      {"AWS::EC2::VPC::Id", "DescribeVpcs", "VpcIds"},
      {"AWS::EC2::Subnet::Id", "DescribeSubnets", "SubnetIds"},
      {"AWS::EC2::SecurityGroup::Id", "DescribeSecurityGroups", "GroupIds"},
      {"AWS::EC2::AvailabilityZone::Name", "DescribeAvailabilityZones", "ZoneNames"}};
  for (const auto& [name, parameter] : parameters) {
    const auto kind = std::ranges::find_if(kinds, [&](const Kind& one) {
      return parameter.type == one.type || parameter.type == fmt::format("List<{}>", one.type);
    });
    if (kind == std::end(kinds)) continue;
    json::array values{json::string(parameter.resolved)};
    if (cfn::is_list(parameter.type)) values = cfn::list_members(parameter.resolved);
    for (const json::value& value : values) {
      const auto found =
          context.call("ec2", kind->operation, {{kind->member, json::array{value}}}, as);
      if (found && value != "") continue;
      return invalid(
          fmt::format("Parameter validation failed: parameter value {} for parameter name {} does "
                      "not exist",
                      std::string_view(value.as_string()), name));
    }
  }
  return {};
}

bool same(const json::value* a, const json::value* b) { return a && b ? *a == *b : a == b; }

std::map<std::string, cfn::Existing> existing_in(const Stack& stack) {
  std::map<std::string, cfn::Existing> out;
  for (const Resource& row : stack.resources) {
    if (row.physical_id.empty() || row.partial) continue;
    out[row.logical_id] = {.type = row.type,
                           .physical_id = row.physical_id,
                           .properties = row.properties,
                           .attributes = row.attributes};
  }
  return out;
}

}  // namespace

Result<void> refuse_others(const json::object& input, std::string_view operation,
                           std::initializer_list<std::string_view> known) {
  for (const auto& member : input) {
    const std::string_view key = member.key();
    if (std::ranges::find(known, key) != known.end()) continue;
    const json::value& value = member.value();
    const bool nothing = (value.is_bool() && !value.get_bool()) ||
                         (value.is_array() && value.get_array().empty()) ||
                         (value.is_object() && value.get_object().empty());
    if (!nothing) return invalid(fmt::format("kiban does not honour {} of {}", key, operation));
  }
  return {};
}

Result<std::string> template_at(Context& context, const std::string& url, const Caller& as) {
  const auto place = place_of(url);
  if (!place) return invalid("TemplateURL must be a supported URL.");
  const auto got =
      context.call("s3", "GetObject", {{"Bucket", place->bucket}, {"Key", place->key}}, as);
  if (!got) {
    return invalid(
        fmt::format("S3 error: {}\nFor more information check "
                    "http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
                    got.error().cause));
  }
  const json::object* body = find_object(*got, "Body");
  if (!body || number(*body, "Size", 0) > static_cast<std::int64_t>(object_bytes_max)) {
    return invalid(fmt::format("Template may not exceed {} bytes in size.", object_bytes_max));
  }
  return read_bulk(context, *body);
}

Needed needed_capability(const json::object& tree) {
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html,
  // Capabilities.
  Needed needed;
  std::set<std::string> types;
  const json::object* resources = find_object(tree, "Resources");
  for (const auto& resource : resources ? *resources : json::object{}) {
    if (!resource.value().is_object()) continue;  // A loop.
    const json::object& body = resource.value().get_object();
    const std::string type = text(body, "Type");
    if (!type.starts_with("AWS::IAM::")) continue;
    types.insert(type);
    const json::object* properties = find_object(body, "Properties");
    const bool named =
        properties && ((type == "AWS::IAM::Role" && properties->contains("RoleName")) ||
                       properties->contains("ManagedPolicyName"));
    if (named || needed.capability.empty()) {
      needed.capability = named ? "CAPABILITY_NAMED_IAM" : "CAPABILITY_IAM";
    }
  }
  needed.types.assign(types.begin(), types.end());
  return needed;
}

Result<std::string> template_of(Context& context, const json::object& input, const Stack* old) {
  const bool body = input.contains("TemplateBody");
  const bool url = input.contains("TemplateURL");
  if (flag(input, "UsePreviousTemplate")) {
    if (body || url || !old) {
      return invalid("You cannot specify both usePreviousTemplate and Template Body/Template URL.");
    }
    return old->desired.body;
  }
  if (body == url) return invalid("Either Template URL or Template Body must be specified.");
  if (url) return template_at(context, text(input, "TemplateURL"), context.caller());
  std::string given = text(input, "TemplateBody");
  if (given.size() > body_bytes_max) {
    return invalid(fmt::format(
        "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member "
        "must have length less than or equal to {}",
        body_bytes_max));
  }
  return given;
}

namespace {

json::array list_in(const json::object& input, std::string_view member,
                    const json::array& fallback) {
  const json::array* list = find_array(input, member);
  return list ? *list : fallback;
}

// The members of a request that the template does not need, checked.
Result<Desired> asked_for(Context& context, const Stack& stack, const json::object& input,
                          bool update) {
  const Desired previous = update ? stack.desired : Desired{};
  Desired desired;
  KIBAN_TRY(desired.body, template_of(context, input, update ? &stack : nullptr));
  KIBAN_TRY(desired.given, given_in(input, stack, update));
  desired.tags = list_in(input, "Tags", previous.tags);
  KIBAN_TRY_VOID(check_tags(desired.tags));
  desired.role_arn = text(input, "RoleARN", previous.role_arn);
  desired.capabilities = list_in(input, "Capabilities", {});
  desired.notification_arns = list_in(input, "NotificationARNs", previous.notification_arns);
  return desired;
}

Result<Caller> caller_for(Context& context, const Stack& stack, const Desired& desired) {
  if (desired.role_arn.empty()) return context.caller();
  auto session = assume_stack_role(context, desired.role_arn, stack.id);
  if (!session) {
    return invalid(fmt::format("Role {} is invalid or cannot be assumed ({})", desired.role_arn,
                               session.error().cause));
  }
  session->region = context.caller().region;
  return session;
}

// The principal that makes the stack's resources must be allowed to publish to its topics.
// Seen in awslabs/aws-service-catalog-puppet#19.
Result<void> check_topics(Context& context, const json::array& topics, const Caller& as) {
  for (const json::value& arn : topics) {
    const auto topic = context.call("sns", "GetTopicAttributes", {{"TopicArn", arn}},
                                    notifier(context.caller().account, arn.as_string()));
    if (!topic)
      return invalid(fmt::format("Invalid notification ARN {}: {}",
                                 std::string_view(arn.as_string()), topic.error().cause));
    const auto allowed =
        decide_as(context, "cloudformation",
                  {{.action = "sns:Publish", .resource = to_string(arn.as_string())}}, as);
    if (!allowed)
      return invalid(
          fmt::format("{} (Service: AmazonSNS; Status Code: 403; Error Code: "
                      "AuthorizationError; Request ID: {}; Proxy: null)",
                      allowed.error().cause, context.random().uuid()));
  }
  return {};
}

// The template's transforms applied, and what they made checked.
Result<json::object> processed(Context& context, const Stack& stack, const Desired& desired,
                               const Caller& as) {
  KIBAN_TRY(json::object tree, cfn::read_template(desired.body));
  KIBAN_TRY(tree, cfn::apply_transforms(std::move(tree), desired.given,
                                        {.stack = identity(stack),
                                         .ports = checking_ports(context, stack, as),
                                         .fetch = [&](const std::string& location) {
                                           return template_at(context, location, context.caller());
                                         }}));
  KIBAN_TRY_VOID(cfn::check_tree(tree));
  KIBAN_TRY_VOID(cfn::check_resources(tree));
  return tree;
}

void show_parameters(const cfn::Parameters& parameters, Desired& desired) {
  for (const auto& [key, parameter] : parameters) {
    desired.given[key] = parameter.given;
    json::object shown{{"ParameterKey", key},
                       {"ParameterValue", parameter.no_echo ? "****" : parameter.given}};
    if (parameter.type.starts_with("AWS::SSM::Parameter::Value<")) {
      shown["ResolvedValue"] = parameter.no_echo ? "****" : parameter.resolved;
      desired.ssm[parameter.given] = parameter.resolved;
    }
    desired.parameters.push_back(std::move(shown));
  }
}

}  // namespace

Result<Desired> make_desired(Context& context, const Stack& stack, const json::object& input,
                             bool update) {
  KIBAN_TRY(Desired desired, asked_for(context, stack, input, update));
  KIBAN_TRY(const Caller as, caller_for(context, stack, desired));
  KIBAN_TRY_VOID(check_topics(context, desired.notification_arns, as));
  KIBAN_TRY(desired.tree, processed(context, stack, desired, as));
  const json::object& tree = desired.tree;
  desired.description = text(tree, "Description");
  cfn::Evaluator evaluator(tree, identity(stack), checking_ports(context, stack, as));
  KIBAN_TRY_VOID(evaluator.prepare(desired.given));
  KIBAN_TRY_VOID(cfn::make_graph(tree, evaluator.present()));
  KIBAN_TRY_VOID(cfn::check_references(
      tree, evaluator.present(),
      [&evaluator](const std::string& name) { return evaluator.holds({{"Condition", name}}); }));
  KIBAN_TRY_VOID(check_capabilities(tree, input));
  KIBAN_TRY_VOID(check_existing(context, as, evaluator.parameters()));
  KIBAN_TRY_VOID(check_values(tree, evaluator));
  show_parameters(evaluator.parameters(), desired);
  return desired;
}

namespace {

// Nested stacks whose properties stay but whose templates changed.
void add_outdated(Context& context, const Stack& stack, const Desired& desired,
                  std::vector<cfn::ResourceChange>& changes) {
  Stack wanted = stack;
  wanted.desired = desired;
  Lifecycle lifecycle(context, wanted, context.caller());
  for (const Resource& row : stack.resources) {
    const bool listed = std::ranges::any_of(changes, [&](const cfn::ResourceChange& change) {
      return change.logical_id == row.logical_id;
    });
    if (listed || row.physical_id.empty() || !lifecycle.is_outdated(row)) continue;
    changes.push_back({.action = cfn::ResourceChange::Action::Modify,
                       .logical_id = row.logical_id,
                       .physical_id = row.physical_id,
                       .type = row.type,
                       .before = row.properties,
                       .after = row.properties});
  }
}

}  // namespace

Result<std::optional<std::vector<cfn::ResourceChange>>> changes_of(Context& context,
                                                                   const Stack& stack,
                                                                   const Desired& desired) {
  const json::object& tree = desired.tree;
  const json::object& old_tree = stack.desired.tree;
  const bool first = stack.desired.body.empty();
  cfn::Evaluator evaluator(tree, identity(stack),
                           make_ports(context, stack.region, desired.ssm, context.caller()));
  KIBAN_TRY_VOID(evaluator.prepare(desired.given));
  evaluator.plan_only(true);
  KIBAN_TRY(std::vector<cfn::ResourceChange> changes,
            cfn::plan(tree, old_tree, evaluator, existing_in(stack), desired.tags));
  add_outdated(context, stack, desired, changes);
  const bool failed = stack.status.ends_with("_FAILED");
  // References to parameters may have new values: such an update is done even when it changes
  // nothing. docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm.html
  const bool live = desired.body.find("{{resolve:ssm:") != std::string::npos;
  const bool quiet = changes.empty() && !first && !failed && !live &&
                     same(find(tree, "Outputs"), find(old_tree, "Outputs")) &&
                     desired.tags == stack.desired.tags && desired.given == stack.desired.given &&
                     desired.ssm == stack.desired.ssm;
  if (quiet) return std::nullopt;
  return changes;
}

}  // namespace kiban::services::cloudformation
