// The policy simulator: what policies would decide, and which context keys they read.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <set>

#include "core/arn.h"
#include "core/letters.h"
#include "iam/decision.h"
#include "services/iam/rows.h"

namespace kiban::services::iam {
namespace {

namespace engine = kiban::iam;

struct Source {
  std::string id{};
  engine::Policy policy;
  std::vector<engine::Place> places{};
};

class Simulation {
 public:
  // Of a list of documents of the request: their ids are the list's name and a number from 1.
  Result<void> add_list(const json::object& input, std::string_view member) {
    const json::array* documents = find_array(input, member);
    for (std::size_t i = 0; documents && i < documents->size(); ++i)
      KIBAN_TRY_VOID(add(identity_, fmt::format("{}.{}", member, i + 1),
                         to_string((*documents)[i].as_string()), engine::PolicyKind::Identity));
    return {};
  }
  Result<void> add_identity(std::string id, const std::string& document) {
    return add(identity_, std::move(id), document, engine::PolicyKind::Identity);
  }
  Result<void> add_boundary(std::string id, const std::string& document) {
    return add(boundaries_, std::move(id), document, engine::PolicyKind::Identity);
  }
  // Boundaries of the request, instead of the principal's own.
  Result<void> add_boundaries(const json::object& input) {
    const json::array* documents = find_array(input, "PermissionsBoundaryPolicyInputList");
    if (!documents || documents->empty()) return {};
    boundaries_.clear();
    return add_boundary("PermissionsBoundaryPolicyInputList.1",
                        to_string(documents->front().as_string()));
  }

  Result<json::object> run(const json::object& input, const std::string& caller) {
    if (input.contains("ResourceHandlingOption"))
      return fail("InvalidInputException",
                  "kiban does not serve the EC2 scenarios of ResourceHandlingOption");
    KIBAN_TRY_VOID(read_request(input, caller));
    const json::array& actions = *find_array(input, "ActionNames");
    const json::array* given = find_array(input, "ResourceArns");
    const json::array resources = given && !given->empty() ? *given : json::array{"*"};
    constexpr std::size_t pairs_max = 10'000;  // Our own bound.
    if (actions.size() * resources.size() > pairs_max)
      return fail(
          "InvalidInputException",
          fmt::format("kiban simulates at most {} pairs of an action and a resource", pairs_max));
    json::array pairs;
    for (std::size_t i = 0; i < actions.size() * resources.size(); ++i) pairs.emplace_back(i);
    KIBAN_TRY(json::object page, page_of(pairs, "EvaluationResults", input));
    constexpr std::size_t bytes_max = 16'000'000;  // Of the reply.
    Budget budget(engine::steps_max, bytes_max);
    for (json::value& pair : page["EvaluationResults"].as_array()) {
      const auto at = pair.to_number<std::size_t>();
      KIBAN_TRY(pair, evaluate(to_string(actions[at / resources.size()].as_string()),
                               to_string(resources[at % resources.size()].as_string()), budget));
      if (!budget.spend(0, copy_bytes(pair)))
        return fail("InvalidInputException",
                    "The results are too large: ask for fewer by MaxItems");
    }
    return page;
  }

  // The keys of all policies, each once, as they are written first.
  json::array context_keys() const {
    json::array names;
    std::set<std::string> known;
    for (const auto* sources : {&identity_, &resource_, &boundaries_})
      for (const Source& source : *sources)
        for (const engine::Statement& statement : source.policy.statements())
          for (const std::string& key : statement.context_keys())
            if (known.insert(lower_case(key)).second) names.emplace_back(key);
    return names;
  }

 private:
  static Result<void> add(std::deque<Source>& sources, std::string id, const std::string& document,
                          engine::PolicyKind kind) {
    auto policy = engine::Policy::compile(document, kind);
    if (!policy) return fail("InvalidInputException", policy.error().cause);
    sources.push_back({.id = std::move(id),
                       .policy = *std::move(policy),
                       .places = engine::statement_places(document)});
    return {};
  }

  Result<void> read_request(const json::object& input, const std::string& caller) {
    if (const json::string* document = find_string(input, "ResourcePolicy")) {
      if (caller.empty())
        return fail("InvalidInputException",
                    "CallerArn is required with ResourcePolicy: its Principal needs a value.");
      KIBAN_TRY_VOID(
          add(resource_, "ResourcePolicy", to_string(*document), engine::PolicyKind::Resource));
    }
    if (!caller.empty()) {
      auto requester = engine::parse_requester(json::value(caller));
      if (!requester) return fail("InvalidInputException", requester.error().cause);
      request_.requester = *std::move(requester);
    }
    if (const auto owner = parse_arn(text(input, "ResourceOwner")))
      request_.resource_account = owner->account;
    std::set<std::string> given;
    const json::array* entries = find_array(input, "ContextEntries");
    for (const json::value& entry : entries ? *entries : json::array{}) {
      const json::array* listed = find_array(entry.as_object(), "ContextKeyValues");
      std::vector<std::string> values;
      for (const json::value& value : listed ? *listed : json::array{})
        values.push_back(to_string(value.as_string()));
      given.insert(lower_case(text(entry.as_object(), "ContextKeyName")));
      request_.context.set(text(entry.as_object(), "ContextKeyName"), std::move(values));
    }
    for (const json::value& key : context_keys())
      if (!given.contains(lower_case(std::string_view(key.as_string())))) missing_.push_back(key);
    return {};
  }

  static std::vector<const engine::Policy*> policies_of(const std::deque<Source>& sources) {
    std::vector<const engine::Policy*> policies;
    for (const Source& source : sources) policies.push_back(&source.policy);
    return policies;
  }

  Result<json::object> evaluate(const std::string& action, const std::string& resource,
                                Budget& budget) {
    request_.action = action;
    request_.resource = resource;
    KIBAN_TRY(const engine::Decision decision,
              decide(request_,
                     {.identity = policies_of(identity_),
                      .resource = resource_.empty() ? nullptr : &resource_.front().policy,
                      .boundaries = policies_of(boundaries_)},
                     budget));
    const std::string_view verdict = decision.verdict == engine::Verdict::Allowed ? "allowed"
                                     : decision.verdict == engine::Verdict::ExplicitlyDenied
                                         ? "explicitDeny"
                                         : "implicitDeny";
    json::array matched;
    if (decision.verdict != engine::Verdict::ImplicitlyDenied)
      for (const engine::Match& match : decision.statements) matched.push_back(told(match));
    json::object result{{"EvalActionName", action},
                        {"EvalResourceName", resource},
                        {"EvalDecision", verdict},
                        {"MatchedStatements", matched}};
    std::optional<json::object> boundary;
    if (!boundaries_.empty())
      boundary = json::object{{"AllowedByPermissionsBoundary", decision.within_boundaries}};
    if (boundary) result["PermissionsBoundaryDecisionDetail"] = *boundary;
    // API_EvaluationResult: keys are told of the result for *, else of the resource.
    result["MissingContextValues"] = resource == "*" ? missing_ : json::array{};
    if (resource == "*") return result;
    json::object specific{{"EvalResourceName", resource},
                          {"EvalResourceDecision", verdict},
                          {"MatchedStatements", matched},
                          {"MissingContextValues", missing_}};
    if (boundary) specific["PermissionsBoundaryDecisionDetail"] = *boundary;
    result["ResourceSpecificResults"] = json::array{std::move(specific)};
    return result;
  }

  json::object told(const engine::Match& match) const {
    const bool of_resource = match.source == engine::Source::Resource;
    const Source& source = of_resource                                ? resource_.front()
                           : match.source == engine::Source::Boundary ? boundaries_[match.policy]
                                                                      : identity_[match.policy];
    const engine::Place& place = source.places[match.statement];
    const auto position = [](const engine::Place::Position& at) {
      return json::object{{"Line", at.line}, {"Column", at.column}};
    };
    return {{"SourcePolicyId", source.id},
            {"SourcePolicyType", of_resource ? "Resource Policy" : "IAM Policy"},
            {"StartPosition", position(place.start)},
            {"EndPosition", position(place.end)}};
  }

  std::deque<Source> identity_{};
  std::deque<Source> resource_{};  // One at most.
  std::deque<Source> boundaries_{};
  json::array missing_{};  // Names of context keys that the request does not give.
  engine::Request request_{};
};

Result<std::string> known_document(const Context& context, const std::string& arn) {
  if (auto document = managed_document(context, arn)) return *std::move(document);
  return fail("InvalidInputException",
              fmt::format("The document of {} is not known to kiban: pass it in PolicyInputList of "
                          "SimulateCustomPolicy",
                          arn));
}

// The role of PolicySourceArn. Users and groups are not served, so there are none.
Result<json::object> load_source(const Context& context, const std::string& arn) {
  const auto parsed = parse_arn(arn);
  const std::string_view resource = parsed ? std::string_view(parsed->resource) : "";
  const std::size_t slash = resource.find('/');
  const std::string_view kind = resource.substr(0, slash);
  if (!parsed || parsed->service != "iam" || slash == std::string_view::npos ||
      (kind != "role" && kind != "user" && kind != "group"))
    return fail("InvalidInputException", fmt::format("Invalid Entity Arn: {}", arn));
  const std::string_view name = resource.substr(resource.rfind('/') + 1);
  if (kind != "role")
    return fail("NoSuchEntityException",
                fmt::format("The {} with name {} cannot be found.", kind, name));
  KIBAN_TRY(json::object row, load_role(context, name));
  if (text(row, "Arn") == arn) return row;
  return fail("NoSuchEntityException", fmt::format("The role with name {} cannot be found.", name));
}

std::string last_name(std::string_view arn) { return std::string(arn.substr(arn.rfind('/') + 1)); }

// Inline and attached policies of a role; their ids are those of the AWS simulator.
Result<void> add_policies(const Context& context, const json::object& role, Simulation& to) {
  for (const auto& [name, document] : role.at("Policies").as_object())
    KIBAN_TRY_VOID(
        to.add_identity(fmt::format("role_{}_{}", text(role, "RoleName"), std::string_view(name)),
                        to_string(document.as_string())));
  for (const json::value& attached : role.at("Attached").as_array()) {
    const std::string arn = to_string(attached.as_string());
    KIBAN_TRY(const std::string document, known_document(context, arn));
    KIBAN_TRY_VOID(to.add_identity(last_name(arn), document));
  }
  return {};
}

Result<json::object> simulate_custom(Context&, const json::object& input) {
  Simulation simulation;
  KIBAN_TRY_VOID(simulation.add_list(input, "PolicyInputList"));
  KIBAN_TRY_VOID(simulation.add_boundaries(input));
  return simulation.run(input, text(input, "CallerArn"));
}

Result<json::object> simulate_principal(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object role, load_source(context, text(input, "PolicySourceArn")));
  Simulation simulation;
  KIBAN_TRY_VOID(add_policies(context, role, simulation));
  KIBAN_TRY_VOID(simulation.add_list(input, "PolicyInputList"));
  if (const json::object* boundary = find_object(role, "PermissionsBoundary");
      boundary && !input.contains("PermissionsBoundaryPolicyInputList")) {
    const std::string arn = text(*boundary, "PermissionsBoundaryArn");
    KIBAN_TRY(const std::string document, known_document(context, arn));
    KIBAN_TRY_VOID(simulation.add_boundary(last_name(arn), document));
  }
  KIBAN_TRY_VOID(simulation.add_boundaries(input));
  return simulation.run(input, text(input, "CallerArn"));
}

Result<json::object> keys_of_custom(Context&, const json::object& input) {
  Simulation simulation;
  KIBAN_TRY_VOID(simulation.add_list(input, "PolicyInputList"));
  return json::object{{"ContextKeyNames", simulation.context_keys()}};
}

Result<json::object> keys_of_principal(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object role, load_source(context, text(input, "PolicySourceArn")));
  Simulation simulation;
  KIBAN_TRY_VOID(add_policies(context, role, simulation));
  KIBAN_TRY_VOID(simulation.add_list(input, "PolicyInputList"));
  return json::object{{"ContextKeyNames", simulation.context_keys()}};
}

}  // namespace

const OperationTable& simulation_operations() {
  static const OperationTable table{
      {"GetContextKeysForCustomPolicy", keys_of_custom},
      {"GetContextKeysForPrincipalPolicy", keys_of_principal},
      {"SimulateCustomPolicy", simulate_custom},
      {"SimulatePrincipalPolicy", simulate_principal},
  };
  return table;
}

}  // namespace kiban::services::iam
