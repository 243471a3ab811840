#include "services/cloudformation/desired.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "api/codec.h"
#include "cfn/check.h"
#include "cfn/parameters.h"
#include "cfn/template.h"
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

// http(s)://HOST/BUCKET/KEY, or https://BUCKET.s3….amazonaws.com/KEY.
Result<std::string> fetch(Context& context, const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t slash = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
  if (slash == std::string::npos) return invalid("TemplateURL must be a supported URL.");
  const std::string host = url.substr(scheme + 3, slash - scheme - 3);
  std::string path = url.substr(slash + 1, url.find('?') - slash - 1);
  path = api::decode_uri(path).value_or(path);
  const std::size_t virtual_host = host.find(".s3");
  std::string bucket;
  if (virtual_host != std::string::npos && host.ends_with(".amazonaws.com")) {
    bucket = host.substr(0, virtual_host);
  } else {
    bucket = path.substr(0, path.find('/'));
    path = bucket.size() < path.size() ? path.substr(bucket.size() + 1) : "";
  }
  const auto got =
      context.call("s3", "GetObject", {{"Bucket", bucket}, {"Key", path}}, context.caller());
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

Result<json::object> given_in(const json::object& input, const json::object& stack, bool update) {
  json::object given;
  const json::object& previous = stack.at("Given").as_object();
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
cfn::Ports checking_ports(Context& context, const json::object& stack, const Caller& as) {
  cfn::Ports ports = make_ports(context, stack, as);
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

// Whoever makes the stack's resources must be allowed to publish to its topics.
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

bool same(const json::value* a, const json::value* b) { return a && b ? *a == *b : a == b; }

std::map<std::string, cfn::Existing> existing_in(const json::object& stack) {
  std::map<std::string, cfn::Existing> out;
  for (const auto& one : stack.at("Resources").as_object()) {
    const json::object& row = one.value().as_object();
    if (!row.contains("PhysicalId") || flag(row, "Partial")) continue;
    out[one.key()] = {.type = text(row, "Type"),
                      .physical_id = text(row, "PhysicalId"),
                      .properties = row.at("Properties").as_object(),
                      .attributes = row.at("Attributes").as_object()};
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

Needed needed_capability(const json::object& tree) {
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html,
  // Capabilities.
  Needed needed;
  std::set<std::string> types;
  for (const auto& resource : *find_object(tree, "Resources")) {
    const json::object& body = resource.value().as_object();
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

Result<std::string> template_of(Context& context, const json::object& input,
                                const json::object* old) {
  const bool body = input.contains("TemplateBody");
  const bool url = input.contains("TemplateURL");
  if (flag(input, "UsePreviousTemplate")) {
    if (body || url || !old) {
      return invalid("You cannot specify both usePreviousTemplate and Template Body/Template URL.");
    }
    return text(*old, "Template");
  }
  if (body == url) return invalid("Either Template URL or Template Body must be specified.");
  if (url) return fetch(context, text(input, "TemplateURL"));
  std::string given = text(input, "TemplateBody");
  if (given.size() > body_bytes_max) {
    return invalid(fmt::format(
        "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member "
        "must have length less than or equal to {}",
        body_bytes_max));
  }
  return given;
}

Result<json::object> make_desired(Context& context, const json::object& stack,
                                  const json::object& input, bool update) {
  KIBAN_TRY(const std::string body, template_of(context, input, update ? &stack : nullptr));
  KIBAN_TRY(const json::object tree, cfn::parse_template(body));
  KIBAN_TRY_VOID(cfn::check_resources(tree));
  KIBAN_TRY(const json::object given, given_in(input, stack, update));
  const json::array* tags = find_array(input, "Tags");
  if (!tags && update) tags = &stack.at("Tags").as_array();
  if (tags) KIBAN_TRY_VOID(check_tags(*tags));
  json::object desired{{"Template", body},
                       {"Tags", tags ? *tags : json::array{}},
                       {"Given", json::object{}},
                       {"Ssm", json::object{}},
                       {"Parameters", json::array{}},
                       {"RoleARN", text(input, "RoleARN", update ? text(stack, "RoleARN") : "")},
                       {"Description", text(tree, "Description")}};
  for (const std::string_view member : {"Capabilities", "NotificationARNs"}) {
    const json::array* list = find_array(input, member);
    desired[member] = list ? *list : json::array{};
  }
  if (!find_array(input, "NotificationARNs") && update && stack.contains("NotificationARNs"))
    desired["NotificationARNs"] = stack.at("NotificationARNs");
  Caller as = context.caller();
  if (const std::string role = text(desired, "RoleARN"); !role.empty()) {
    const auto session = assume_stack_role(context, role, text(stack, "StackId"));
    if (!session) {
      return invalid(
          fmt::format("Role {} is invalid or cannot be assumed ({})", role, session.error().cause));
    }
    as = *session;
    as.region = context.caller().region;
  }
  KIBAN_TRY_VOID(check_topics(context, desired.at("NotificationARNs").as_array(), as));
  json::object bare{{"Region", text(stack, "Region")}};
  cfn::Evaluator evaluator(tree, identity(stack), checking_ports(context, bare, as));
  std::map<std::string, std::string> given_map;
  for (const auto& one : given) given_map.emplace(one.key(), text(given, one.key()));
  KIBAN_TRY_VOID(evaluator.prepare(given_map));
  KIBAN_TRY_VOID(cfn::make_graph(tree, evaluator.present()));
  KIBAN_TRY_VOID(cfn::check_references(
      tree, evaluator.present(),
      [&evaluator](const std::string& name) { return evaluator.holds({{"Condition", name}}); }));
  KIBAN_TRY_VOID(check_capabilities(tree, input));
  KIBAN_TRY_VOID(check_existing(context, as, evaluator.parameters()));
  KIBAN_TRY_VOID(check_values(tree, evaluator));
  for (const auto& [key, parameter] : evaluator.parameters()) {
    desired["Given"].as_object()[key] = parameter.given;
    json::object shown{{"ParameterKey", key},
                       {"ParameterValue", parameter.no_echo ? "****" : parameter.given}};
    if (parameter.type.starts_with("AWS::SSM::Parameter::Value<")) {
      shown["ResolvedValue"] = parameter.no_echo ? "****" : parameter.resolved;
      desired["Ssm"].as_object()[parameter.given] = parameter.resolved;
    }
    desired["Parameters"].as_array().push_back(std::move(shown));
  }
  return desired;
}

Result<std::optional<std::vector<cfn::ResourceChange>>> changes_of(Context& context,
                                                                   const json::object& stack,
                                                                   const json::object& desired) {
  KIBAN_TRY(const json::object tree, cfn::parse_template(text(desired, "Template")));
  json::object old_tree;
  const bool first = text(stack, "Template").empty();
  if (!first) {
    KIBAN_TRY(old_tree, cfn::parse_template(text(stack, "Template")));
  }
  json::object wanted{{"Region", text(stack, "Region")},
                      {"Ssm", desired.at("Ssm")},
                      {"Given", desired.at("Given")}};
  cfn::Evaluator evaluator(tree, identity(stack), make_ports(context, wanted, context.caller()));
  KIBAN_TRY_VOID(evaluator.prepare(given_of(wanted)));
  evaluator.plan_only(true);
  KIBAN_TRY(
      std::vector<cfn::ResourceChange> changes,
      cfn::plan(tree, old_tree, evaluator, existing_in(stack), desired.at("Tags").as_array()));
  const bool failed = text(stack, "Status").ends_with("_FAILED");
  // References to parameters may have new values: such an update is done even when it changes
  // nothing. docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm.html
  const bool live = text(desired, "Template").find("{{resolve:ssm:") != std::string::npos;
  const bool quiet = changes.empty() && !first && !failed && !live &&
                     same(find(tree, "Outputs"), find(old_tree, "Outputs")) &&
                     desired.at("Tags") == stack.at("Tags") &&
                     desired.at("Given") == stack.at("Given") &&
                     desired.at("Ssm") == stack.at("Ssm");
  if (quiet) return std::nullopt;
  return changes;
}

}  // namespace kiban::services::cloudformation
