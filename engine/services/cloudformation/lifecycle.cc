#include "services/cloudformation/lifecycle.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/scalars.h"
#include "cfn/plan.h"
#include "cfn/template.h"
#include "core/letters.h"
#include "services/base/bulk.h"
#include "services/base/rights.h"
#include "services/base/table_service.h"
#include "services/cloudformation/function_code.h"
#include "services/cloudformation/refusals.h"

namespace kiban::services::cloudformation {
namespace {

constexpr std::size_t versions_kept = 4;  // Of a managed policy, before one more is made.

bool holds(const json::object& entry, std::string_view list, const json::value& value) {
  const json::array* all = find_array(entry, list);
  return all && std::ranges::find(*all, value) != all->end();
}

// LogicalResourceId and a random tail behind the stack's name:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
std::string generated_name(Context& context, const Stack& stack, const std::string& id,
                           const json::object& type, const json::object& properties) {
  const auto limit = static_cast<std::size_t>(number(type, "NameMax", 255));
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string tail = "-" + context.random().pick(letters, 12);
  const json::object* suffixes = find_object(type, "Suffix");
  for (const auto& suffix : suffixes ? *suffixes : json::object{}) {
    const json::value* value = find(properties, suffix.key());
    if (value && (*value == true || *value == "true")) tail += suffix.value().as_string();
  }
  std::string name = stack.name + "-" + id;
  if (name.size() + tail.size() > limit) name.resize(limit - tail.size());
  name += tail;
  return flag(type, "Lower") ? lower_case(name) : name;
}

const json::array& list_of(const json::object& properties, const std::string& name) {
  static const json::array none;
  const json::array* found = find_array(properties, name);
  return found ? *found : none;
}

// Members of `all` that `others` lacks, told apart by `key` or as a whole.
json::array without(const json::array& all, const json::array& others, const std::string& key) {
  const auto mark = [&](const json::value& one) {
    const json::value* found =
        key.empty() || !one.is_object() ? nullptr : find(one.as_object(), key);
    return found ? *found : one;
  };
  json::array out;
  for (const json::value& one : all) {
    const bool there = std::ranges::any_of(
        others, [&](const json::value& other) { return mark(other) == mark(one); });
    if (!there) out.push_back(one);
  }
  return out;
}

std::optional<json::value> replied(const cfn::Scope& scope, const std::string& path) {
  if (path.empty()) return std::nullopt;
  return cfn::fill(json::value(json::string("=@reply." + path)), scope);
}

// What is there: the properties as applied and, where an update failed on its way, those it wanted.
struct Before {
  json::object applied{};
  std::optional<json::object> attempted{};

  bool had(std::string_view property) const {
    return applied.contains(property) || (attempted && attempted->contains(property));
  }
  bool differs(std::string_view property, const json::object& now) const {
    const json::value* wanted = find(now, property);
    const auto other = [&](const json::object& there) {
      const json::value* value = find(there, property);
      return value && wanted ? *value != *wanted : value != wanted;
    };
    return other(applied) || (attempted && other(*attempted));
  }
};

// What a step runs for, one after the other; nullopt: once.
std::optional<json::array> items_of(const json::object& step, const Before& before,
                                    const json::object& now) {
  const std::string key = text(step, "key");
  if (const std::string name = text(step, "each"); !name.empty()) return list_of(now, name);
  if (const std::string name = text(step, "gone"); !name.empty()) {
    json::array there = list_of(before.applied, name);
    if (before.attempted) {
      for (json::value& one : without(list_of(*before.attempted, name), there, key)) {
        there.push_back(std::move(one));
      }
    }
    return without(there, list_of(now, name), key);
  }
  if (const std::string name = text(step, "new"); !name.empty()) {
    // An update that failed may have taken any of them away.
    if (before.attempted) return list_of(now, name);
    return without(list_of(now, name), list_of(before.applied, name), key);
  }
  return std::nullopt;
}

// A list of Key and Value, or a map.
std::set<std::string> tag_keys(const json::object& properties) {
  std::set<std::string> out;
  for (const json::value& tag : list_of(properties, "Tags")) {
    out.insert(text(tag.as_object(), "Key"));
  }
  if (const json::object* tags = find_object(properties, "Tags")) {
    for (const auto& tag : *tags) out.emplace(tag.key());
  }
  return out;
}

// "true" is as good as true.
bool meets(const json::object& step, const json::object& now) {
  const json::object* wanted = find_object(step, "if");
  return !wanted || std::ranges::all_of(*wanted, [&](const auto& member) {
    const json::value* value = find(now, member.key());
    return value && (*value == member.value() ||
                     (value->is_string() && value->get_string() == print_json(member.value())));
  });
}

bool any_changed(const json::object& step, const Before& before, const json::object& now) {
  const json::array* names = find_array(step, "changed");
  return !names || std::ranges::any_of(*names, [&](const json::value& name) {
    return before.differs(std::string_view(name.as_string()), now);
  });
}

}  // namespace

struct Lifecycle::Work {
  const json::object& type;
  cfn::Scope scope{};
  Before before{};
  bool tags_differ{false};  // Of the user's; the system's never change.
};

// What CloudFormation tags all that it makes with.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
json::array Lifecycle::system_tags(const Resource& resource) const {
  const auto tag = [](std::string_view name, std::string value) {
    return json::object{{"Key", fmt::format("aws:cloudformation:{}", name)},
                        {"Value", std::move(value)}};
  };
  return {tag("stack-name", stack_.name), tag("logical-id", resource.logical_id),
          tag("stack-id", stack_.id)};
}

Result<Lifecycle::Work> Lifecycle::work_on(const Resource& resource,
                                           const json::object& properties) {
  const json::object* type = cfn::find_type(resource.type);
  if (type == nullptr)
    return fail("ValidationError",
                fmt::format("kiban does not know the resource type {}", resource.type));
  Work work{.type = *type};
  KIBAN_TRY(work.scope.properties,
            cfn::resolve_references(properties,
                                    make_ports(context_, stack_.region, stack_.desired.ssm, as_)));
  work.scope.own = {{"account", stack_.account}, {"region", stack_.region}};
  if (!resource.physical_id.empty()) work.scope.own["id"] = resource.physical_id;
  if (!resource.name.empty()) {
    work.scope.own["name"] = resource.name;
    work.scope.own["generated"] = resource.name;
  }
  work.scope.own["attributes"] = resource.attributes;
  work.before = {.applied = resource.properties, .attempted = resource.attempted};
  work.tags_differ = work.before.differs("Tags", work.scope.properties);
  if (cfn::has_system_tags(*type)) {
    work.scope.properties =
        cfn::with_stack_tags(*type, std::move(work.scope.properties), system_tags(resource));
  }
  return work;
}

Result<json::object> Lifecycle::ask(const Work& work, const json::object& step) {
  json::value input = cfn::fill(step.at("in"), work.scope).value_or(json::object{});
  const std::string service = text(work.type, "Service");
  // A property of type String has the text of whatever scalar the template gives, and so on.
  const api::Service* model = api::find_service(service);
  const api::Operation* operation = model ? model->operation(text(step, "op")) : nullptr;
  if (operation && operation->input != api::no_shape)
    input = api::with_scalars_of(*model, model->shape(operation->input), std::move(input));
  auto reply = context_.call(service, text(step, "op"), input.as_object(), as_);
  if (!reply && is_refusal(reply.error()))
    return std::unexpected(refusal_of(context_, service, text(step, "op"), reply.error()));
  return reply;
}

// False: the step's "find" found nothing.
Result<bool> Lifecycle::found(Work& work, const json::object& step) {
  const json::object* search = find_object(step, "find");
  if (!search) return true;
  KIBAN_TRY(const json::object reply, ask(work, *search));
  const json::value wanted = cfn::fill(search->at("by"), work.scope).value_or(json::object{});
  for (const json::value& entry : list_of(reply, text(*search, "at"))) {
    const bool same = std::ranges::all_of(wanted.as_object(), [&](const auto& member) {
      const json::value* value = find(entry.as_object(), member.key());
      return value && *value == member.value();
    });
    if (!same) continue;
    work.scope.own["found"] = entry;
    return true;
  }
  return false;
}

Result<void> Lifecycle::once(Work& work, const json::object& step) {
  KIBAN_TRY(const bool there, found(work, step));
  if (!there) return {};
  auto reply = ask(work, step);
  if (!reply) {
    const json::value code(json::string(reply.error().name));
    if (holds(step, "ignore", code)) return {};
    if (work.before.attempted && holds(step, "again", code)) return {};
    if (is_refusal(reply.error())) return std::unexpected(reply.error());  // Told by ask().
    return fail(reply.error().name,
                fmt::format("{} (Service: {}, Operation: {}, Error Code: {})", reply.error().cause,
                            text(work.type, "Service"), text(step, "op"), reply.error().name));
  }
  if (!work.scope.own.contains("reply")) {
    work.scope.own["reply"] = *std::move(reply);
    const auto id = cfn::fill(work.type.at("Id"), work.scope);
    if (id && !work.scope.own.contains("id")) work.scope.own["id"] = *id;
  }
  return {};
}

Result<void> Lifecycle::run(Work& work, std::string_view list) {
  const json::value* steps = find(work.type, list);
  if (steps && steps->is_string()) steps = find(work.type, steps->as_string());
  if (!steps) return {};
  for (const json::value& entry : steps->as_array()) {
    const json::object& step = entry.as_object();
    const json::object& now = work.scope.properties;
    if (step.contains("when") && !now.contains(text(step, "when"))) continue;
    const std::string dropped = text(step, "dropped");
    if (!dropped.empty() && (now.contains(dropped) || !work.before.had(dropped))) continue;
    const std::string fresh = text(step, "fresh");
    if (!fresh.empty() && (!now.contains(fresh) || work.before.applied.contains(fresh))) continue;
    if (!any_changed(step, work.before, now) || !meets(step, now)) continue;
    const auto items = items_of(step, work.before, now);
    if (!items) {
      KIBAN_TRY_VOID(once(work, step));
      continue;
    }
    for (const json::value& item : *items) {
      work.scope.own["item"] = item;
      KIBAN_TRY_VOID(once(work, step));
    }
  }
  return {};
}

namespace {
void finish_attributes(const json::object& type, const cfn::Scope& scope, Resource& resource) {
  const auto filled = cfn::fill(type.at("Attributes"), scope);
  for (const auto& one : filled->as_object()) resource.attributes[one.key()] = one.value();
}
}  // namespace

Result<Progress> Lifecycle::create_by(const Handler& handler, Resource& resource,
                                      const json::object& properties) {
  const json::object& type = *cfn::find_type(resource.type);
  resource.name = generated_name(context_, stack_, resource.logical_id, type, properties);
  resource.properties = properties;
  KIBAN_TRY(const json::object whole, resolved(properties));
  return handler.create(scope(), resource, whole);
}

Result<Progress> Lifecycle::create(Resource& resource, const json::object& properties) {
  const json::object& type = *cfn::find_type(resource.type);
  if (const Handler* handler = handler_of(type)) return create_by(*handler, resource, properties);
  const std::string property = text(type, "Name");
  const std::string given = property.empty() ? "" : text(properties, property);
  resource.name = given.empty()
                      ? generated_name(context_, stack_, resource.logical_id, type, properties)
                      : given;
  KIBAN_TRY(Work work, work_on(resource, properties));
  KIBAN_TRY_VOID(prepare(work));
  const auto made = run(work, "Create");
  if (work.scope.own.contains("id")) resource.physical_id = text(work.scope.own, "id");
  resource.properties = properties;
  resource.attributes = {};
  if (!made) return std::unexpected(made.error());
  if (resource.physical_id.empty()) {
    const auto id = cfn::fill(type.at("Id"), work.scope);
    if (!id || !id->is_string()) {
      return fail("InternalFailure",
                  fmt::format("{} gave no id for {}", text(type, "Service"), resource.logical_id));
    }
    work.scope.own["id"] = *id;
    resource.physical_id = text(work.scope.own, "id");
  }
  finish_attributes(type, work.scope, resource);
  return settled(resource);
}

Result<Progress> Lifecycle::update(Resource& resource, const json::object& properties) {
  if (const Handler* handler = handler_of(*cfn::find_type(resource.type)))
    return update_by(*handler, resource, properties);
  KIBAN_TRY(Work work, work_on(resource, properties));
  json::object& now = work.scope.properties;
  const json::object* defaults = find_object(work.type, "Defaults");
  for (const auto& one : defaults ? *defaults : json::object{}) {
    if (!now.contains(one.key()) && work.before.had(one.key())) now[one.key()] = one.value();
  }
  // What an update that failed wanted is what may be there.
  work.scope.own["before"] = work.before.attempted.value_or(work.before.applied);
  resource.attempted = properties;
  KIBAN_TRY_VOID(prepare(work));
  const auto mutable_differs = [&](const json::value& name) {
    return work.before.differs(std::string_view(name.as_string()), properties);
  };
  const json::array* mutable_ones = find_array(work.type, "Updates");
  if (mutable_ones && std::ranges::any_of(*mutable_ones, mutable_differs)) {
    KIBAN_TRY_VOID(run(work, "Update"));
  }
  KIBAN_TRY_VOID(change_tags(work));
  resource.attempted.reset();
  resource.properties = properties;
  finish_attributes(work.type, work.scope, resource);
  return settled(resource);
}

Result<void> Lifecycle::change_tags(Work& work) {
  const json::object* steps = cfn::find_tag_steps(work.type);
  const json::value* now = find(work.scope.properties, "Tags");
  if (!steps || !work.tags_differ) return {};
  work.scope.own["tagid"] = cfn::fill(work.type.at("TagId"), work.scope).value_or(nullptr);
  std::set<std::string> gone = tag_keys(work.before.applied);
  if (work.before.attempted) gone.merge(tag_keys(*work.before.attempted));
  for (const std::string& kept : tag_keys(work.scope.properties)) gone.erase(kept);
  json::array keys;
  json::array tags;
  for (const std::string& key : gone) {
    keys.push_back(json::string(key));
    tags.push_back(json::object{{"Key", key}});
  }
  if (!keys.empty()) {
    work.scope.own["untag"] = {{"Keys", keys}, {"Tags", tags}};
    KIBAN_TRY_VOID(once(work, steps->at("Untag").as_object()));
  }
  const bool any = now && (now->is_object() ? !now->get_object().empty()
                                            : now->is_array() && !now->get_array().empty());
  return any ? once(work, steps->at("Tag").as_object()) : Result<void>{};
}

Result<Progress> Lifecycle::settled(Resource& resource) {
  if (const Handler* handler = handler_of(*cfn::find_type(resource.type)))
    return settled_by(*handler, resource);
  KIBAN_TRY(Work work, work_on(resource, resource.properties));
  if (const json::object* step = find_object(work.type, "Wait")) {
    KIBAN_TRY(work.scope.own["reply"], ask(work, *step));
    const auto state = replied(work.scope, text(*step, "at"));
    if (state && holds(*step, "failed", *state)) {
      if (const std::string fault = text(*step, "fault"); !fault.empty())
        return fail("GeneralServiceException", fault);
      const auto why = replied(work.scope, text(*step, "why"));
      return fail("NotStabilized",
                  fmt::format("{} did not stabilize: it is {}{}", resource.logical_id,
                              print_json(*state), why ? " because of " + print_json(*why) : ""));
    }
    if (!state || !holds(*step, "ready", *state)) {
      resource.reason =
          fmt::format("waits for {} to be {}; it is {}", text(*step, "at"),
                      print_json(step->at("ready")), state ? print_json(*state) : "not there");
      return Progress::Waiting;
    }
  }
  if (const json::object* read = find_object(work.type, "Read")) {
    KIBAN_TRY(work.scope.own["read"], ask(work, *read));
    finish_attributes(work.type, work.scope, resource);
  }
  return Progress::Done;
}

Result<Progress> Lifecycle::remove(Resource& resource, const std::string& policy) {
  const json::object& type = *cfn::find_type(resource.type);
  if (const Handler* handler = handler_of(type)) return remove_by(*handler, resource);
  // What it refers to may be gone already; deletion seldom needs the values.
  Work work{.type = type};
  if (auto whole = work_on(resource, resource.properties)) {
    work.scope = std::move(whole->scope);
  } else {
    KIBAN_TRY(Work bare, work_on(resource, json::object{}));
    bare.scope.properties = resource.properties;
    work.scope = std::move(bare.scope);
  }
  if (!resource.deleting) {
    if (text(type, "Prepare") == "policy") {
      if (const auto pruned = prune_versions(work, 1);
          !pruned && pruned.error().name != "NoSuchEntityException") {
        return std::unexpected(pruned.error());
      }
    }
    const bool snapshot = policy == "Snapshot" && type.contains("Snapshot");
    const std::string_view list = snapshot ? "Snapshot" : "Delete";
    if (snapshot) {
      work.scope.own["snapshot"] = lower_case(fmt::format(
          "{}-snapshot-{}-{}", stack_.name, resource.logical_id, context_.random().hex(12)));
    }
    if (auto done = run(work, list); !done) {
      const json::value code(json::string(done.error().name));
      const json::value* steps = find(type, list);
      const bool later = std::ranges::any_of(steps->as_array(), [&](const json::value& step) {
        return holds(step.as_object(), "retry", code);
      });
      // Others still hold it, such as interfaces of tasks that stop. AWS waits as well.
      constexpr std::int64_t tries_max = 120;
      ++resource.tries;
      if (later && resource.tries < tries_max) return Progress::Waiting;
      return std::unexpected(done.error());
    }
    resource.deleting = true;
  }
  const json::object* step = find_object(type, "Gone");
  if (!step) return Progress::Done;
  auto reply = ask(work, *step);
  if (!reply) {
    if (holds(*step, "absent", json::value(json::string(reply.error().name))))
      return Progress::Done;
    return std::unexpected(reply.error());
  }
  work.scope.own["reply"] = *std::move(reply);
  const auto state = replied(work.scope, text(*step, "at"));
  return !state || holds(*step, "is", *state) ? Progress::Done : Progress::Waiting;
}

// Types that need code before their steps run (the catalogue's "Prepare").
Result<void> Lifecycle::prepare(Work& work) {
  const std::string how = text(work.type, "Prepare");
  if (how == "secret") return generate_secret(work);
  if (how == "attachment") return attach_secret(work);
  if (how == "definition") return load_definition(work);
  if (how == "rule") name_rule(work);
  if (how == "code") work.scope.own["code"] = function_code(work.scope.properties);
  if (how == "policy" && work.scope.own.contains("id")) return prune_versions(work, versions_kept);
  return {};
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
Result<void> Lifecycle::generate_secret(Work& work) {
  const json::object& properties = work.scope.properties;
  json::object& own = work.scope.own;
  if (properties.contains("SecretString")) own["secret"] = properties.at("SecretString");
  const json::object* generate = find_object(properties, "GenerateSecretString");
  if (!generate || own.contains("id")) return {};  // An update keeps what was generated.
  json::object in = *generate;
  in.erase("SecretStringTemplate");
  in.erase("GenerateStringKey");
  KIBAN_TRY(const json::object made, context_.call("secretsmanager", "GetRandomPassword", in, as_));
  const std::string key = text(*generate, "GenerateStringKey");
  if (key.empty()) {
    own["secret"] = made.at("RandomPassword");
    return {};
  }
  KIBAN_TRY(json::value secret, parse_json(text(*generate, "SecretStringTemplate", "{}")));
  if (!secret.is_object()) return fail("ValidationError", "SecretStringTemplate is no JSON object");
  secret.get_object()[key] = made.at("RandomPassword");
  own["secret"] = json::string(print_json(secret));
  return {};
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secrettargetattachment.html
Result<void> Lifecycle::attach_secret(Work& work) {
  const json::object& properties = work.scope.properties;
  if (text(properties, "TargetType") != "AWS::RDS::DBCluster") {
    return fail("ValidationError", "kiban attaches secrets to AWS::RDS::DBCluster only");
  }
  KIBAN_TRY(const json::object got,
            context_.call("secretsmanager", "GetSecretValue",
                          {{"SecretId", text(properties, "SecretId")}}, as_));
  KIBAN_TRY(json::value secret, parse_json(text(got, "SecretString")));
  if (!secret.is_object()) return fail("ValidationError", "the secret is no JSON object");
  KIBAN_TRY(const json::object described,
            context_.call("rds", "DescribeDBClusters",
                          {{"DBClusterIdentifier", text(properties, "TargetId")}}, as_));
  const json::object& cluster = described.at("DBClusters").as_array().at(0).as_object();
  json::object& out = secret.get_object();
  out["engine"] = text(cluster, "Engine").find("postgres") != std::string::npos
                      ? "postgres"
                      : text(cluster, "Engine");
  out["host"] = text(cluster, "Endpoint");
  out["port"] = number(cluster, "Port", 5432);
  if (cluster.contains("DatabaseName")) out["dbname"] = text(cluster, "DatabaseName");
  out["dbClusterIdentifier"] = text(cluster, "DBClusterIdentifier");
  work.scope.own["secret"] = json::string(print_json(secret));
  return {};
}

// The id of a rule names its bus too, unless that is the default one.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html
void Lifecycle::name_rule(Work& work) {
  std::string bus = text(work.scope.properties, "EventBusName", "default");
  if (bus.starts_with("arn:")) bus = bus.substr(bus.find('/') + 1);
  const std::string name = text(work.scope.own, "name");
  work.scope.own["rule"] = bus == "default" ? name : bus + "|" + name;
}

// Makes room: a managed policy has five versions at most, and none but its default one when it is
// deleted. https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html
Result<void> Lifecycle::prune_versions(const Work& work, std::size_t kept) {
  const json::value& arn = work.scope.own.at("id");
  KIBAN_TRY(const json::object listed,
            context_.call("iam", "ListPolicyVersions", {{"PolicyArn", arn}}, as_));
  std::size_t left = listed.at("Versions").as_array().size();
  for (const json::value& version : listed.at("Versions").as_array()) {  // The oldest first.
    if (left <= kept) break;
    if (flag(version.as_object(), "IsDefaultVersion")) continue;
    KIBAN_TRY_VOID(context_.call("iam", "DeletePolicyVersion",
                                 {{"PolicyArn", arn}, {"VersionId", version.at("VersionId")}},
                                 as_));
    --left;
  }
  return {};
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
Result<void> Lifecycle::load_definition(Work& work) {
  const json::object& properties = work.scope.properties;
  const std::ptrdiff_t given = std::ranges::count_if(
      std::initializer_list<std::string_view>{"Definition", "DefinitionString",
                                              "DefinitionS3Location"},
      [&](std::string_view name) { return properties.contains(name); });
  if (given == 0)
    return fail("ValidationError",
                "Property validation failed. Required key [DefinitionS3Location], [Definition] or "
                "[DefinitionString] not found.");
  if (given > 1)
    return fail(
        "ValidationError",
        "Property validation failed. Please use either [DefinitionS3Location], [Definition] "
        "or [DefinitionString] but not both.");
  std::string definition = text(properties, "DefinitionString");
  if (const json::value* tree = find(properties, "Definition")) definition = print_json(*tree);
  const json::object* place = find_object(properties, "DefinitionS3Location");
  if (place) {
    KIBAN_TRY(definition, read_definition(*place));
  }
  const json::object* substitutions = find_object(properties, "DefinitionSubstitutions");
  for (const auto& one : substitutions ? *substitutions : json::object{}) {
    const std::string mark = "${" + std::string(one.key()) + "}";
    const std::string value =
        one.value().is_string() ? to_string(one.value().get_string()) : print_json(one.value());
    for (std::size_t at = definition.find(mark); at != std::string::npos;
         at = definition.find(mark, at + value.size())) {
      definition.replace(at, mark.size(), value);
    }
  }
  // What S3 holds is JSON or else YAML, after the substitutions.
  if (place && !parse_json(definition)) {
    const auto document = cfn::parse_yaml(definition);
    if (!document || !document->is_object())
      return fail("ValidationError", "Invalid StateMachine definition file.");
    definition = print_json(*document);
  }
  work.scope.own["definition"] = definition;
  return {};
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-stepfunctions-statemachine-s3location.html
Result<std::string> Lifecycle::read_definition(const json::object& place) {
  constexpr std::int64_t definition_bytes_max = 1'048'576;
  json::object in{{"Bucket", text(place, "Bucket")}, {"Key", text(place, "Key")}};
  if (const std::string version = text(place, "Version"); !version.empty())
    in["VersionId"] = version;
  KIBAN_TRY(const json::object got, context_.call("s3", "GetObject", in, as_));
  const json::object* body = find_object(got, "Body");
  if (!body) return fail("ValidationError", "the definition's object has no body");
  if (number(*body, "Size", 0) > definition_bytes_max)
    return fail("ValidationError", "State Machine definition file cannot exceed 1MB.");
  return read_bulk(context_, *body);
}

}  // namespace kiban::services::cloudformation
