#include "services/applicationautoscaling/service.h"

#include <algorithm>

#include "services/base/checked_service.h"

namespace kiban::services::applicationautoscaling {
namespace {

// docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html and
// API_DescribeScalingPolicies.html
constexpr std::int64_t targets_page_max = 50;
constexpr std::int64_t policies_page_max = 10;

// Rows .../target/NAMESPACE|DIMENSION|RESOURCE and .../policy/(the same)|NAME hold what Describe*
// shows; a target's also holds Tags.
std::string prefix(const Context& context, std::string_view kind) {
  return fmt::format("applicationautoscaling/{}/{}/", context.caller().region, kind);
}

std::string target_of(const json::object& input) {
  return fmt::format("{}|{}|{}", text(input, "ServiceNamespace"), text(input, "ScalableDimension"),
                     text(input, "ResourceId"));
}

std::string target_key(const Context& context, const json::object& input) {
  return prefix(context, "target") + target_of(input);
}
std::string policies_prefix(const Context& context, const json::object& input) {
  return prefix(context, "policy") + target_of(input) + "|";
}
std::string policy_key(const Context& context, const json::object& input) {
  return policies_prefix(context, input) + text(input, "PolicyName");
}

std::string words(const json::object& input) {
  return fmt::format("service namespace: {}, resource ID: {}, scalable dimension: {}",
                     text(input, "ServiceNamespace"), text(input, "ResourceId"),
                     text(input, "ScalableDimension"));
}

Result<json::object> load_target(const Context& context, const json::object& input) {
  auto row = get_json(context, target_key(context, input));
  if (row) return *std::move(row);
  return fail("ObjectNotFoundException", "No scalable target registered for " + words(input));
}

Result<void> check_resource(const json::object& input) {
  if (text(input, "ServiceNamespace") != "ecs") {
    return fail("ValidationException", fmt::format("kiban supports the service namespace ecs, not "
                                                   "{}",
                                                   text(input, "ServiceNamespace")));
  }
  const std::string resource = text(input, "ResourceId");
  if (resource.starts_with("service/") && std::ranges::count(resource, '/') == 2 &&
      !resource.ends_with('/') && text(input, "ScalableDimension") == "ecs:service:DesiredCount") {
    return {};
  }
  return fail("ValidationException",
              fmt::format("Unsupported service namespace, resource type or scalable dimension: {}. "
                          "A resource ID is service/CLUSTER/SERVICE",
                          words(input)));
}

// Targets -----------------------------------------------------------------------------------------

Result<void> check_capacity(const json::object& row) {
  const std::int64_t least = number(row, "MinCapacity", -1);
  const std::int64_t most = number(row, "MaxCapacity", -1);
  if (least < 0 || most < 0) {
    return fail("ValidationException",
                "Minimum and maximum capacity are required to register a scalable target, and are "
                "not negative");
  }
  if (least <= most) return {};
  return fail("ValidationException", "Maximum capacity cannot be less than minimum capacity");
}

// Without ECS nothing can be said about services.
Result<void> check_service(Context& context, const json::object& input) {
  const std::string resource = text(input, "ResourceId");
  const std::string path = resource.substr(resource.find('/') + 1);
  const std::string name = path.substr(path.find('/') + 1);
  const auto reply =
      context.call("ecs", "DescribeServices",
                   {{"cluster", path.substr(0, path.find('/'))}, {"services", {name}}},
                   {.account = context.caller().account,
                    .region = context.caller().region,
                    .arn = "application-autoscaling.amazonaws.com"});
  if (!reply && reply.error().name == "UnknownOperationException") return {};
  const json::array* found = reply ? find_array(*reply, "services") : nullptr;
  if (found && !found->empty() && found->front().at("status") != "INACTIVE") return {};
  return fail("ValidationException", fmt::format("ECS service doesn't exist: {}", resource));
}

json::object make_target(Context& context, const json::object& input) {
  // AWS's role, whatever the request says: docs.aws.amazon.com/autoscaling/application/APIReference
  // /API_RegisterScalableTarget.html
  const std::string role = fmt::format(
      "arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
      "AWSServiceRoleForApplicationAutoScaling_ECSService",
      context.caller().account);
  return {{"ServiceNamespace", text(input, "ServiceNamespace")},
          {"ResourceId", text(input, "ResourceId")},
          {"ScalableDimension", text(input, "ScalableDimension")},
          {"RoleARN", role},
          {"CreationTime", epoch_seconds(context.now())},
          {"SuspendedState",
           {{"DynamicScalingInSuspended", false},
            {"DynamicScalingOutSuspended", false},
            {"ScheduledScalingSuspended", false}}},
          {"ScalableTargetARN", make_arn(context, "application-autoscaling",
                                         "scalable-target/" + context.random().hex(36))},
          {"Tags", json::object{}}};
}

Result<json::object> register_target(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_resource(input));
  const std::string key = target_key(context, input);
  std::optional<json::object> present = get_json(context, key);
  if (!present) KIBAN_TRY_VOID(check_service(context, input));
  json::object row = present ? *std::move(present) : make_target(context, input);
  for (const std::string_view member : {"MinCapacity", "MaxCapacity"}) {
    if (input.contains(member)) row[member] = input.at(member);
  }
  KIBAN_TRY_VOID(check_capacity(row));
  for (const std::string_view member : {"SuspendedState", "Tags"}) {
    const json::object* given = find_object(input, member);
    for (const auto& one : given ? *given : json::object{}) {
      row[member].as_object()[one.key()] = one.value();
    }
  }
  put_json(context, key, row);
  return json::object{{"ScalableTargetARN", row.at("ScalableTargetARN")}};
}

// Its policies go along.
Result<json::object> deregister_target(Context& context, const json::object& input) {
  if (!context.get(target_key(context, input))) {
    return fail("ObjectNotFoundException", "No scalable target found for " + words(input));
  }
  for (const store::Row& row : context.scan(policies_prefix(context, input))) {
    context.erase(row.key);
  }
  context.erase(target_key(context, input));
  return json::object{};
}

bool asked_for(const json::object& input, std::string_view member, const json::object& row,
               std::string_view of_row) {
  const json::array* list = find_array(input, member);
  return !list || list->empty() || std::ranges::find(*list, row.at(of_row)) != list->end();
}

Result<json::object> page_of(const json::array& all, std::string_view member,
                             const json::object& input, std::int64_t page_max) {
  const std::int64_t limit = number(input, "MaxResults", page_max);
  if (limit < 1 || limit > page_max)
    return fail("ValidationException",
                fmt::format("Maximum number of results must be between 1 and {}", page_max));
  auto page = paginate(all, static_cast<std::size_t>(limit), find_string(input, "NextToken"));
  if (!page) return fail("InvalidNextTokenException", page.error().cause);
  json::object out{{member, std::move(page->entries)}};
  if (page->next_token) out["NextToken"] = *page->next_token;
  return out;
}

// "If you specify a scalable dimension, you must also specify a resource ID."
Result<void> check_dimension(const json::object& input, bool resource) {
  if (!input.contains("ScalableDimension") || resource) return {};
  return fail("ValidationException",
              "A resource ID is required when a scalable dimension is specified");
}

bool of_dimension(const json::object& input, const json::object& row) {
  return row.at("ServiceNamespace") == input.at("ServiceNamespace") &&
         (!input.contains("ScalableDimension") ||
          row.at("ScalableDimension") == input.at("ScalableDimension"));
}

Result<json::object> describe_targets(Context& context, const json::object& input) {
  const json::array* ids = find_array(input, "ResourceIds");
  KIBAN_TRY_VOID(check_dimension(input, ids && !ids->empty()));
  json::array out;
  for (json::object& row : list_json(context, prefix(context, "target"))) {
    if (!of_dimension(input, row) || !asked_for(input, "ResourceIds", row, "ResourceId")) continue;
    row.erase("Tags");
    out.push_back(std::move(row));
  }
  return page_of(out, "ScalableTargets", input, targets_page_max);
}

// Policies ----------------------------------------------------------------------------------------

// https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html
Result<void> check_predefined(const json::object& metric) {
  const std::string type = text(metric, "PredefinedMetricType");
  const bool by_target = type == "ALBRequestCountPerTarget";
  if (!by_target && type != "ECSServiceAverageCPUUtilization" &&
      type != "ECSServiceAverageMemoryUtilization")
    return fail("ValidationException",
                fmt::format("Invalid predefined metric type for service namespace ecs: {}", type));
  if (by_target == metric.contains("ResourceLabel")) return {};
  return fail("ValidationException",
              by_target ? "A resource label is required for the metric ALBRequestCountPerTarget"
                        : "A resource label is for the metric ALBRequestCountPerTarget only");
}

Result<void> check_tracking(const Context& context, const json::object& input,
                            const json::object& tracking) {
  const json::object* predefined = find_object(tracking, "PredefinedMetricSpecification");
  const json::object* customized = find_object(tracking, "CustomizedMetricSpecification");
  if ((predefined != nullptr) == (customized != nullptr))
    return fail("ValidationException",
                "A target tracking policy needs either a PredefinedMetricSpecification or a "
                "CustomizedMetricSpecification");
  if (predefined) KIBAN_TRY_VOID(check_predefined(*predefined));
  if (customized && !customized->contains("Metrics")) {
    for (const auto* member : {"MetricName", "Namespace", "Statistic"})
      if (!customized->contains(member))
        return fail("ValidationException",
                    fmt::format("A CustomizedMetricSpecification needs a {}", member));
  }
  if (customized && customized->contains("Metrics") && customized->contains("MetricName"))
    return fail("ValidationException", "Metrics and MetricName are mutually exclusive");
  for (const json::object& other : list_json(context, policies_prefix(context, input))) {
    const json::object* theirs = find_object(other, "TargetTrackingScalingPolicyConfiguration");
    const json::object* metric =
        theirs ? find_object(*theirs, "PredefinedMetricSpecification") : nullptr;
    if (predefined && metric && *metric == *predefined &&
        text(other, "PolicyName") != text(input, "PolicyName"))
      return fail("ValidationException",
                  "Only one TargetTrackingScaling policy for a given metric specification is "
                  "allowed.");
  }
  return {};
}

Result<json::object> put_policy(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_resource(input));
  KIBAN_TRY_VOID(load_target(context, input));
  const std::string key = policy_key(context, input);
  std::optional<json::object> present = get_json(context, key);
  const std::string type = text(input, "PolicyType", "TargetTrackingScaling");
  const json::object* tracking = find_object(input, "TargetTrackingScalingPolicyConfiguration");
  if (type != "TargetTrackingScaling" || !tracking) {
    return fail("ValidationException",
                "kiban supports policies of the type TargetTrackingScaling, with a "
                "TargetTrackingScalingPolicyConfiguration");
  }
  KIBAN_TRY_VOID(check_tracking(context, input, *tracking));
  json::object row =
      present
          ? *std::move(present)
          : json::object{{"PolicyARN",
                          make_arn(context, "autoscaling",
                                   fmt::format("scalingPolicy:{}:resource/ecs/{}:policyName/{}",
                                               context.random().uuid(), text(input, "ResourceId"),
                                               text(input, "PolicyName")))},
                         {"CreationTime", epoch_seconds(context.now())}};
  for (const std::string_view member :
       {"PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension"}) {
    row[member] = text(input, member);
  }
  row["PolicyType"] = type;
  json::object configuration = *tracking;
  // Templates say 60 where AWS says 60.0.
  configuration["TargetValue"] = tracking->at("TargetValue").to_number<double>();
  row["TargetTrackingScalingPolicyConfiguration"] = std::move(configuration);
  row["Alarms"] = json::array{};
  put_json(context, key, row);
  return json::object{{"PolicyARN", row.at("PolicyARN")}, {"Alarms", json::array{}}};
}

Result<json::object> delete_policy(Context& context, const json::object& input) {
  const std::string key = policy_key(context, input);
  if (!context.get(key)) {
    return fail("ObjectNotFoundException", fmt::format("No scaling policy found for {}, policy "
                                                       "name: {}",
                                                       words(input), text(input, "PolicyName")));
  }
  context.erase(key);
  return json::object{};
}

Result<json::object> describe_policies(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_dimension(input, input.contains("ResourceId")));
  json::array out;
  for (json::object& row : list_json(context, prefix(context, "policy"))) {
    const bool resource =
        !input.contains("ResourceId") || row.at("ResourceId") == input.at("ResourceId");
    if (!resource || !of_dimension(input, row)) continue;
    if (asked_for(input, "PolicyNames", row, "PolicyName")) out.push_back(std::move(row));
  }
  return page_of(out, "ScalingPolicies", input, policies_page_max);
}

Result<json::object> describe_activities(Context& /*context*/, const json::object& input) {
  KIBAN_TRY_VOID(check_dimension(input, input.contains("ResourceId")));
  return page_of({}, "ScalingActivities", input, targets_page_max);
}

// Tags --------------------------------------------------------------------------------------------

struct Tagged {
  std::string key{};
  json::object row{};
};

Result<Tagged> find_tagged(const Context& context, const json::object& input) {
  for (const store::Row& row : context.scan(prefix(context, "target"))) {
    KIBAN_TRY(const json::value value, parse_json(row.value));
    if (value.at("ScalableTargetARN") == input.at("ResourceARN")) {
      return Tagged{.key = row.key, .row = value.as_object()};
    }
  }
  return fail("ResourceNotFoundException",
              fmt::format("The resource {} does not exist", text(input, "ResourceARN")));
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const Tagged found, find_tagged(context, input));
  return json::object{{"Tags", found.row.at("Tags")}};
}

Result<json::object> tag(Context& context, const json::object& input) {
  KIBAN_TRY(Tagged found, find_tagged(context, input));
  for (const auto& one : input.at("Tags").as_object()) {
    found.row["Tags"].as_object()[one.key()] = one.value();
  }
  put_json(context, found.key, found.row);
  return json::object{};
}

Result<json::object> untag(Context& context, const json::object& input) {
  KIBAN_TRY(Tagged found, find_tagged(context, input));
  for (const json::value& key : input.at("TagKeys").as_array()) {
    found.row["Tags"].as_object().erase(key.as_string());
  }
  put_json(context, found.key, found.row);
  return json::object{};
}

const CheckedTable& operations() {
  static const CheckedTable table = {
      {"DeleteScalingPolicy",
       {delete_policy, "PolicyName ServiceNamespace ResourceId ScalableDimension"}},
      {"DeregisterScalableTarget",
       {deregister_target, "ServiceNamespace ResourceId ScalableDimension"}},
      {"DescribeScalableTargets",
       {describe_targets, "ServiceNamespace ResourceIds ScalableDimension MaxResults NextToken"}},
      {"DescribeScalingActivities",
       {describe_activities,
        "ServiceNamespace ResourceId ScalableDimension MaxResults IncludeNotScaledActivities"}},
      {"DescribeScalingPolicies",
       {describe_policies,
        "PolicyNames ServiceNamespace ResourceId ScalableDimension MaxResults NextToken"}},
      {"ListTagsForResource", {list_tags, "ResourceARN"}},
      {"PutScalingPolicy",
       {put_policy,
        "PolicyName ServiceNamespace ResourceId ScalableDimension PolicyType "
        "TargetTrackingScalingPolicyConfiguration"}},
      {"RegisterScalableTarget",
       {register_target,
        "ServiceNamespace ResourceId ScalableDimension MinCapacity MaxCapacity RoleARN "
        "SuspendedState Tags"}},
      {"TagResource", {tag, "ResourceARN Tags"}},
      {"UntagResource", {untag, "ResourceARN TagKeys"}}};
  return table;
}

}  // namespace

std::unique_ptr<Service> make_applicationautoscaling() {
  return std::make_unique<CheckedService>("applicationautoscaling", "ValidationException",
                                          operations());
}

}  // namespace kiban::services::applicationautoscaling
