#include "services/states/versions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <ranges>

#include "services/base/table_service.h"
#include "services/states/machines.h"
#include "services/states/names.h"

namespace kiban::services::states {
namespace {

// "MACHINE" and "QUALIFIER" of arn:…:stateMachine:MACHINE:QUALIFIER; the latter may be missing.
struct Qualified {
  std::string machine{};
  std::string qualifier{};
  std::string machine_arn{};
};

Result<Qualified> parse_qualified(std::string_view arn) {
  KIBAN_TRY(const std::string resource, resource_of(arn, "stateMachine"));
  const std::size_t colon = resource.find(':');
  if (colon == std::string::npos)
    return Qualified{.machine = resource, .machine_arn = std::string(arn)};
  return Qualified{.machine = resource.substr(0, colon),
                   .qualifier = resource.substr(colon + 1),
                   .machine_arn = std::string(arn.substr(0, arn.rfind(':')))};
}

std::optional<std::int64_t> version_number(std::string_view qualifier) {
  std::int64_t number = 0;
  const char* const end = qualifier.data() + qualifier.size();
  const auto read = std::from_chars(qualifier.data(), end, number);
  if (qualifier.empty() || read.ec != std::errc{} || read.ptr != end || number < 1)
    return std::nullopt;
  return number;
}

std::string version_key(const Context& context, std::string_view machine, std::int64_t number) {
  return row_key(context, "version", fmt::format("{}/{:010}", machine, number));
}

std::string alias_key(const Context& context, std::string_view machine, std::string_view alias) {
  return row_key(context, "alias", fmt::format("{}/{}", machine, alias));
}

std::vector<std::string> version_arns(const json::array& routing) {
  std::vector<std::string> arns;
  for (const json::value& route : routing)
    arns.push_back(text(route.as_object(), "stateMachineVersionArn"));
  return arns;
}

std::unexpected<Error> no_resource(std::string_view arn) {
  return fail("ResourceNotFound", fmt::format("Resource not found: '{}'", arn));
}

// Texts recorded by AWS, the last two apart. Gives the machine's name.
Result<std::string> check_routing(const Context& context, const json::array& routing) {
  const std::vector<std::string> arns = version_arns(routing);
  std::string machine;
  std::vector<std::int64_t> weights;
  for (std::size_t i = 0; i < arns.size(); ++i) {
    const auto parsed = parse_qualified(arns[i]);
    if (!parsed || !version_number(parsed->qualifier))
      return fail("ValidationException",
                  fmt::format("Routing configuration must contain state machine version ARNs. "
                              "Received: [{}]",
                              fmt::join(arns, ", ")));
    if (i > 0 && parsed->machine != machine)
      return fail("ValidationException",
                  fmt::format("Routing configuration must contain versions of one state machine. "
                              "Received: [{}]",
                              fmt::join(arns, ", ")));
    machine = parsed->machine;
    weights.push_back(number(routing[i].as_object(), "weight", 0));
  }
  if (arns.size() == 2 && arns[0] == arns[1])
    return fail("ValidationException",
                fmt::format("Routing configuration must contain distinct state machine version "
                            "ARNs. Received: [{}]",
                            fmt::join(arns, ", ")));
  std::int64_t sum = 0;
  for (const std::int64_t weight : weights) sum += weight;
  if (sum != 100)
    return fail("ValidationException",
                fmt::format("Sum of routing configuration weights must equal 100. Received: [{}]",
                            fmt::join(weights, ", ")));
  for (const std::string& arn : arns) {
    if (!find_version(context, arn)) return no_resource(arn);
  }
  return machine;
}

struct FoundAlias {
  std::string key{};
  json::object row{};
};

Result<FoundAlias> load_alias(const Context& context, std::string_view arn) {
  KIBAN_TRY(const Qualified name, parse_qualified(arn));
  const std::string key = alias_key(context, name.machine, name.qualifier);
  auto row = get_json(context, key);
  // Recorded: test_update_no_such_alias_arn.
  if (!row || text(*row, "stateMachineAliasArn") != arn)
    return fail("ResourceNotFound", "Request references a resource that does not exist.");
  return FoundAlias{key, *std::move(row)};
}

}  // namespace

std::optional<json::object> find_version(const Context& context, std::string_view arn) {
  const auto name = parse_qualified(arn);
  const auto number = name ? version_number(name->qualifier) : std::nullopt;
  if (!number) return std::nullopt;
  auto row = get_json(context, version_key(context, name->machine, *number));
  if (!row || text(*row, "stateMachineVersionArn") != arn) return std::nullopt;
  return row;
}

Result<Target> resolve(Context& context, std::string_view arn, ParsedRows& machines) {
  KIBAN_TRY(const Qualified name, parse_qualified(arn));
  const auto missing = [&] {
    return fail("StateMachineDoesNotExist", fmt::format("State Machine Does Not Exist: '{}'", arn));
  };
  Target target{.machine = machines.get(context, row_key(context, "machine", name.machine))};
  if (!target.machine || text(*target.machine, "stateMachineArn") != name.machine_arn)
    return missing();
  if (name.qualifier.empty()) {
    target.revision = text(*target.machine, "currentRevision");
    return target;
  }
  target.version_arn = arn;
  if (!version_number(name.qualifier)) {
    const auto alias = load_alias(context, arn);
    if (!alias) return missing();
    target.alias_arn = arn;
    const json::array& routes = alias->row.at("routingConfiguration").as_array();
    auto drawn = static_cast<std::int64_t>(context.random().below(100));
    for (const json::value& route : routes) {
      target.version_arn = text(route.as_object(), "stateMachineVersionArn");
      drawn -= number(route.as_object(), "weight", 0);
      if (drawn < 0) break;
    }
  }
  const auto version = find_version(context, target.version_arn);
  if (!version) return missing();
  target.revision = text(*version, "revision");
  return target;
}

Result<json::object> publish(Context& context, json::object& machine, std::string_view revision_id,
                             std::string_view description) {
  const std::string name = text(machine, "name");
  const std::string current = text(machine, "currentRevision");
  // Before its first update the revision may be called INITIAL.
  // https://docs.aws.amazon.com/step-functions/latest/apireference/API_PublishStateMachineVersion.html
  const bool initial = current == text(machine, "firstRevision");
  const bool is_current = revision_id == current || (revision_id == "INITIAL" && initial);
  if (!revision_id.empty() && !is_current)
    return fail("ConflictException",
                fmt::format("Failed to publish the State Machine version for revision {}. The "
                            "current State Machine revision is {}.",
                            revision_id, initial ? "INITIAL" : current));
  const std::int64_t last = number(machine, "lastVersion", 0);
  if (const auto newest = get_json(context, version_key(context, name, last));
      newest && text(*newest, "revision") == current)
    return *newest;
  const std::string prefix = row_key(context, "version", name + "/");
  if (context.scan(prefix).size() >= versions_max)
    return fail("ServiceQuotaExceededException",
                fmt::format("A state machine has at most {} versions", versions_max));
  machine["lastVersion"] = last + 1;
  json::object version{
      {"stateMachineVersionArn", fmt::format("{}:{}", text(machine, "stateMachineArn"), last + 1)},
      {"creationDate", epoch_seconds(context.now())},
      {"revision", current},
      {"description", description}};
  put_json(context, version_key(context, name, last + 1), version);
  put_json(context, row_key(context, "machine", name), machine);
  return version;
}

void erase_versions_and_aliases(Context& context, std::string_view machine_name) {
  for (const auto* kind : {"version", "alias"}) {
    for (const store::Row& row :
         context.scan(row_key(context, kind, fmt::format("{}/", machine_name))))
      context.erase(row.key);
  }
}

Result<json::object> publish_version(Context& context, const json::object& input) {
  KIBAN_TRY(json::object machine, load_machine(context, text(input, "stateMachineArn")));
  KIBAN_TRY(const json::object version,
            publish(context, machine, text(input, "revisionId"), text(input, "description")));
  return json::object{{"creationDate", version.at("creationDate")},
                      {"stateMachineVersionArn", version.at("stateMachineVersionArn")}};
}

Result<json::object> list_versions(Context& context, const json::object& input) {
  KIBAN_TRY(const Qualified name, parse_qualified(text(input, "stateMachineArn")));
  json::array all;
  for (const json::object& version :
       list_json(context, row_key(context, "version", name.machine + "/")))
    all.push_back({{"stateMachineVersionArn", version.at("stateMachineVersionArn")},
                   {"creationDate", version.at("creationDate")}});
  std::ranges::reverse(all);  // The newest first.
  return page_of(input, "stateMachineVersions", all, 100);
}

Result<json::object> delete_version(Context& context, const json::object& input) {
  const std::string arn = text(input, "stateMachineVersionArn");
  KIBAN_TRY(const Qualified name, parse_qualified(arn));
  const auto number = version_number(name.qualifier);
  if (!number)
    return fail("ValidationException",
                fmt::format("This is not the ARN of a state machine version: '{}'", arn));
  std::vector<std::string> users;
  for (const json::object& alias :
       list_json(context, row_key(context, "alias", name.machine + "/"))) {
    const auto arns = version_arns(alias.at("routingConfiguration").as_array());
    if (std::ranges::find(arns, arn) != arns.end()) users.push_back(text(alias, "name"));
  }
  if (!users.empty())
    return fail("ConflictException",
                fmt::format("Version to be deleted must not be referenced by an alias. Current "
                            "list of aliases referencing this version: [{}]",
                            fmt::join(users, ", ")));
  context.erase(version_key(context, name.machine, *number));  // Twice is no error; recorded.
  return json::object{};
}

Result<json::object> create_alias(Context& context, const json::object& input) {
  const json::array& routing = *find_array(input, "routingConfiguration");
  KIBAN_TRY(const std::string machine, check_routing(context, routing));
  const std::string name = text(input, "name");
  const std::string key = alias_key(context, machine, name);
  if (const auto old = get_json(context, key)) {
    if (old->at("routingConfiguration") != json::value(routing) ||
        text(*old, "description") != text(input, "description"))
      return fail("ConflictException",
                  "Failed to create alias because an alias with the same name and a different "
                  "routing configuration already exists.");
    return json::object{{"stateMachineAliasArn", old->at("stateMachineAliasArn")},
                        {"creationDate", old->at("creationDate")}};
  }
  if (context.scan(row_key(context, "alias", machine + "/")).size() >= aliases_max)
    return fail("ServiceQuotaExceededException",
                fmt::format("A state machine has at most {} aliases", aliases_max));
  json::object alias{
      {"stateMachineAliasArn",
       make_arn(context, "states", fmt::format("stateMachine:{}:{}", machine, name))},
      {"name", name},
      {"routingConfiguration", routing},
      {"creationDate", epoch_seconds(context.now())},
      {"updateDate", epoch_seconds(context.now())}};
  if (input.contains("description")) alias["description"] = input.at("description");
  put_json(context, key, alias);
  return json::object{{"stateMachineAliasArn", alias.at("stateMachineAliasArn")},
                      {"creationDate", alias.at("creationDate")}};
}

Result<json::object> update_alias(Context& context, const json::object& input) {
  KIBAN_TRY(FoundAlias alias, load_alias(context, text(input, "stateMachineAliasArn")));
  const json::array* routing = find_array(input, "routingConfiguration");
  if (!routing && !input.contains("description"))
    return fail("ValidationException",
                "Either the description or the routingConfiguration must be specified");
  if (routing) {
    KIBAN_TRY(const std::string machine, check_routing(context, *routing));
    if (alias.key != alias_key(context, machine, text(alias.row, "name")))
      return fail("ValidationException",
                  "Routing configuration must contain versions of the alias' own state machine");
    alias.row["routingConfiguration"] = *routing;
  }
  if (input.contains("description")) alias.row["description"] = input.at("description");
  alias.row["updateDate"] = epoch_seconds(context.now());
  put_json(context, alias.key, alias.row);
  return json::object{{"updateDate", alias.row.at("updateDate")}};
}

Result<json::object> describe_alias(Context& context, const json::object& input) {
  KIBAN_TRY(FoundAlias alias, load_alias(context, text(input, "stateMachineAliasArn")));
  return std::move(alias.row);
}

Result<json::object> delete_alias(Context& context, const json::object& input) {
  const std::string arn = text(input, "stateMachineAliasArn");
  KIBAN_TRY_VOID(parse_qualified(arn));
  const auto alias = load_alias(context, arn);
  if (alias) context.erase(alias->key);  // Twice is no error; recorded by AWS.
  return json::object{};
}

Result<json::object> list_aliases(Context& context, const json::object& input) {
  const std::string arn = text(input, "stateMachineArn");
  KIBAN_TRY(const Qualified name, parse_qualified(arn));
  KIBAN_TRY_VOID(load_machine(context, name.machine_arn));
  json::array all;
  for (const json::object& alias :
       list_json(context, row_key(context, "alias", name.machine + "/"))) {
    // Of a version: the aliases that route to it.
    const auto arns = version_arns(alias.at("routingConfiguration").as_array());
    if (!name.qualifier.empty() && std::ranges::find(arns, arn) == arns.end()) continue;
    all.push_back({{"stateMachineAliasArn", alias.at("stateMachineAliasArn")},
                   {"creationDate", alias.at("creationDate")}});
  }
  return page_of(input, "stateMachineAliases", all, 100);
}

}  // namespace kiban::services::states
