#include "services/cloudformation/deployment.h"

#include <fmt/format.h>

#include <algorithm>

#include "cfn/template.h"
#include "cfn/types.h"
#include "services/base/table_service.h"

namespace kiban::services::cloudformation {
namespace {

constexpr Duration poll_interval{1'000};

Caller caller_of(const json::object& stack) {
  const json::object& from = stack.at("Caller").as_object();
  return {.account = text(from, "account"),
          .region = text(from, "region"),
          .arn = text(from, "arn"),
          .access_key_id = text(from, "key")};
}

Result<Caller> acting(Context& context, const json::object& stack) {
  if (text(stack, "RoleARN").empty()) return caller_of(stack);
  KIBAN_TRY(Caller caller,
            context.assume_role(text(stack, "RoleARN"), "cloudformation.amazonaws.com",
                                "AWSCloudFormation"));
  caller.region = text(stack, "Region");
  return caller;
}

std::string generated_name(Context& context, const json::object& stack, const std::string& id,
                           const json::object& type) {
  const auto limit = static_cast<std::size_t>(number(type, "NameMax", 255));
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const std::string tail = "-" + context.random().pick(letters, 12);
  std::string name = text(stack, "StackName") + "-" + id;
  if (name.size() + tail.size() > limit) name.resize(limit - tail.size());
  name += tail;
  if (flag(type, "Lower")) {
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name;
}

// Runs the steps `which` of the type. What each replied goes to scope.own["reply"] (the first one's
// stays).
class Life {
 public:
  Life(Context& context, const json::object& type, cfn::Scope& scope, Caller as)
      : context_(context), type_(type), scope_(scope), as_(std::move(as)) {}

  Result<void> run(std::string_view which) {
    const json::value* steps = find(type_, which);
    if (steps && steps->is_string()) steps = find(type_, steps->as_string());
    if (!steps) return {};
    for (const json::value& entry : steps->as_array()) {
      const json::object& step = entry.as_object();
      if (step.contains("when") && !scope_.properties.contains(text(step, "when"))) continue;
      if (!step.contains("each")) {
        KIBAN_TRY_VOID(once(step));
        continue;
      }
      const json::array* items = find_array(scope_.properties, text(step, "each"));
      for (const json::value& item : items ? *items : json::array{}) {
        scope_.own["item"] = item;
        KIBAN_TRY_VOID(once(step));
      }
    }
    return {};
  }
  Result<json::object> ask(const json::object& step) {
    const auto input = cfn::fill(step.at("in"), scope_);
    return context_.call(text(type_, "Service"), text(step, "op"), input->as_object(), as_);
  }
  Result<json::object> call(std::string_view service, std::string_view op, const json::object& in) {
    return context_.call(service, op, in, as_);
  }

 private:
  Result<void> once(const json::object& step) {
    auto reply = ask(step);
    if (!reply) {
      const json::array* ignored = find_array(step, "ignore");
      if (ignored && std::ranges::any_of(*ignored, [&](const json::value& one) {
            return std::string_view(one.as_string()) == reply.error().name;
          })) {
        return {};
      }
      return fail(reply.error().name,
                  fmt::format("{} (Service: {}, {}: {})", reply.error().cause,
                              text(type_, "Service"), text(step, "op"), reply.error().name));
    }
    if (!scope_.own.contains("reply")) {
      scope_.own["reply"] = *std::move(reply);
      if (const auto id = cfn::fill(type_.at("Id"), scope_)) scope_.own["id"] = *id;
    }
    return {};
  }
  Context& context_;
  const json::object& type_;
  cfn::Scope& scope_;
  Caller as_;
};

// What is more than a mapping: a generated secret, a secret completed with its target, a
// definition.
Result<void> prepare(Life& life, const json::object& type, cfn::Scope& scope, Context& context) {
  const std::string how = text(type, "Prepare");
  const json::object& properties = scope.properties;
  if (how == "secret") {
    if (properties.contains("SecretString")) scope.own["secret"] = properties.at("SecretString");
    const json::object* generate = find_object(properties, "GenerateSecretString");
    if (!generate) return {};
    json::object in = *generate;
    in.erase("SecretStringTemplate");
    in.erase("GenerateStringKey");
    KIBAN_TRY(const json::object made, life.call("secretsmanager", "GetRandomPassword", in));
    const std::string key = text(*generate, "GenerateStringKey");
    if (key.empty()) {
      scope.own["secret"] = made.at("RandomPassword");
      return {};
    }
    KIBAN_TRY(json::value secret, parse_json(text(*generate, "SecretStringTemplate", "{}")));
    if (!secret.is_object())
      return fail("ValidationError", "SecretStringTemplate is no JSON object");
    secret.get_object()[key] = made.at("RandomPassword");
    scope.own["secret"] = json::string(print_json(secret));
  } else if (how == "attachment") {
    if (text(properties, "TargetType") != "AWS::RDS::DBCluster") {
      return fail("ValidationError", "kiban attaches secrets to AWS::RDS::DBCluster only");
    }
    KIBAN_TRY(const json::object got, life.call("secretsmanager", "GetSecretValue",
                                                {{"SecretId", properties.at("SecretId")}}));
    KIBAN_TRY(json::value secret, parse_json(text(got, "SecretString")));
    KIBAN_TRY(const json::object described,
              life.call("rds", "DescribeDBClusters",
                        {{"DBClusterIdentifier", properties.at("TargetId")}}));
    const json::object& cluster = described.at("DBClusters").as_array().at(0).as_object();
    json::object& out = secret.as_object();
    out["engine"] = "postgres";
    out["host"] = text(cluster, "Endpoint");
    out["port"] = number(cluster, "Port", 5432);
    out["dbname"] = text(cluster, "DatabaseName");
    out["dbClusterIdentifier"] = text(cluster, "DBClusterIdentifier");
    scope.own["secret"] = json::string(print_json(secret));
  } else if (how == "definition") {
    std::string definition = text(properties, "DefinitionString");
    if (const json::value* tree = find(properties, "Definition")) definition = print_json(*tree);
    if (const json::object* place = find_object(properties, "DefinitionS3Location")) {
      KIBAN_TRY(const json::object got,
                life.call("s3", "GetObject",
                          {{"Bucket", place->at("Bucket")}, {"Key", place->at("Key")}}));
      const json::object* body = find_object(got, "Body");
      if (!body) return fail("ValidationError", "the definition's object has no body");
      KIBAN_TRY(definition, context.read_blob(text(*body, "Digest")));
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
    scope.own["definition"] = definition;
  }
  return {};
}

cfn::Scope scope_of(const json::object& stack, const json::object& resource,
                    json::object properties) {
  cfn::Scope scope{.properties = std::move(properties)};
  scope.own = {{"account", text(stack, "Account")}, {"region", text(stack, "Region")}};
  if (resource.contains("PhysicalId")) scope.own["id"] = resource.at("PhysicalId");
  if (resource.contains("Name")) scope.own["name"] = resource.at("Name");
  if (resource.contains("Attributes")) scope.own["attributes"] = resource.at("Attributes");
  return scope;
}

void finish_attributes(const json::object& type, cfn::Scope& scope, json::object& resource) {
  const auto filled = cfn::fill(type.at("Attributes"), scope);
  json::object all =
      resource.contains("Attributes") ? resource.at("Attributes").as_object() : json::object{};
  for (const auto& one : filled->as_object()) all[one.key()] = one.value();
  resource["Attributes"] = std::move(all);
}

class Machine {
 public:
  Machine(Context& context, json::object& stack) : context_(context), stack_(stack) {}

  void run() {
    for (int round = 0; round < 4; ++round) {
      const std::string kind = text(stack_, "Kind");
      if (kind.empty()) break;
      auto done = kind == "DELETE" || kind == "ROLLBACK" ? destroy() : apply();
      if (!done) {
        failed(done.error());
        continue;
      }
      if (!*done) {
        context_.set_timer("cloudformation", text(stack_, "Uuid"), context_.now() + poll_interval,
                           {{"Uuid", text(stack_, "Uuid")}, {"Region", text(stack_, "Region")}});
      }
      break;
    }
    put_json(context_, stack_key(text(stack_, "Region"), text(stack_, "Uuid")), stack_);
  }

 private:
  json::object& resources() { return stack_["Resources"].as_object(); }

  void failed(const Error& error) {
    const std::string kind = text(stack_, "Kind");
    stack_["Done"] = json::object{};
    const std::string why = error.cause;
    if (kind == "CREATE") {
      stack_["Kind"] = "ROLLBACK";
      set_status(context_, stack_, "ROLLBACK_IN_PROGRESS", why + ". Rollback requested by user.");
    } else if (kind == "UPDATE") {
      stack_["Kind"] = "UPDATE_ROLLBACK";
      const json::object previous = stack_.at("Previous").as_object();
      for (const auto& one : previous) stack_[one.key()] = one.value();
      set_status(context_, stack_, "UPDATE_ROLLBACK_IN_PROGRESS", why);
    } else {
      stack_["Kind"] = "";
      set_status(context_, stack_, kind == "DELETE" ? "DELETE_FAILED" : kind + "_FAILED", why);
    }
  }

  Result<bool> apply() {
    KIBAN_TRY(const json::object tree, cfn::parse_template(text(stack_, "Template")));
    cfn::Evaluator evaluator(tree, identity(stack_), make_ports(context_, text(stack_, "Region")));
    KIBAN_TRY_VOID(evaluator.prepare(given_of(stack_)));
    const auto present = evaluator.present();
    KIBAN_TRY(const cfn::Graph graph, cfn::make_graph(tree, present));
    json::object& done =
        stack_["Done"].is_object() ? stack_["Done"].as_object() : stack_["Done"].emplace_object();
    for (const auto& one : resources()) {
      const json::object& made = one.value().as_object();
      if (present.contains(std::string(one.key())) && done.contains(one.key())) {
        evaluator.made()[one.key()] = {.physical_id = text(made, "PhysicalId"),
                                       .attributes = made.at("Attributes").as_object()};
      }
    }
    for (const std::string& id : graph.order) {
      if (done.contains(id)) continue;
      const auto needs = graph.needs.find(id);
      const bool ready = needs == graph.needs.end() ||
                         std::ranges::all_of(needs->second, [&](const std::string& on) {
                           return done.contains(on);
                         });
      if (!ready) continue;
      auto finished = one(tree, evaluator, id);
      if (!finished) {
        const std::string status = text(resources()[id].as_object(), "PhysicalId").empty() ||
                                           text(stack_, "Kind") == "CREATE"
                                       ? "CREATE_FAILED"
                                       : "UPDATE_FAILED";
        resources()[id].as_object()["Status"] = status;
        add_event(context_, stack_, id, status, finished.error().cause);
        return fail(finished.error().name,
                    fmt::format("The following resource(s) failed to {}: [{}]",
                                status == "CREATE_FAILED" ? "create" : "update", id));
      }
      if (!*finished) continue;
      done[id] = true;
      const json::object& made = resources()[id].as_object();
      evaluator.made()[id] = {.physical_id = text(made, "PhysicalId"),
                              .attributes = made.at("Attributes").as_object()};
    }
    if (done.size() < graph.order.size()) return false;
    return complete(tree, evaluator, present);
  }

  // True: this resource is as the template says.
  Result<bool> one(const json::object& tree, cfn::Evaluator& evaluator, const std::string& id) {
    const json::object& declared = tree.at("Resources").at(id).as_object();
    const json::object& type = *cfn::find_type(text(declared, "Type"));
    if (!resources().contains(id)) resources()[id] = json::object{};
    json::object& resource = resources()[id].as_object();
    resource["Type"] = text(declared, "Type");
    resource["DeletionPolicy"] = text(declared, "DeletionPolicy", "Delete");
    KIBAN_TRY(Caller as, acting(context_, stack_));
    if (flag(resource, "Waiting")) return wait(type, resource, id, std::move(as));
    KIBAN_TRY(json::object properties, evaluator.properties(id));
    const bool there = resource.contains("PhysicalId");
    if (there && resource.at("Properties").as_object() == properties) return true;
    bool replace = false;
    if (there) {
      const auto in = [&](std::string_view list, std::string_view name) {
        const json::array* names = find_array(type, list);
        return names && std::ranges::any_of(*names, [&](const json::value& n) {
                 return std::string_view(n.as_string()) == name;
               });
      };
      const json::object& old = resource.at("Properties").as_object();
      for (const json::object* side : {&old, &std::as_const(properties)}) {
        for (const auto& property : *side) {
          const json::value* a = find(old, property.key());
          const json::value* b = find(properties, property.key());
          if (a && b && *a == *b) continue;
          if (in("Replace", property.key())) {
            replace = true;
          } else if (!in("Updates", property.key())) {
            return fail("ValidationError",
                        fmt::format("kiban does not update the property {} of {}",
                                    std::string(property.key()), text(declared, "Type")));
          }
        }
      }
    }
    const std::string verb = there ? "UPDATE" : "CREATE";
    resource["Status"] = verb + "_IN_PROGRESS";
    add_event(context_, stack_, id, verb + "_IN_PROGRESS");
    if (there && replace) stack_["Old"].as_array().push_back(resource);
    if (!there || replace) {
      for (const std::string_view key : {"PhysicalId", "Attributes", "Name"}) resource.erase(key);
      const std::string property = text(type, "Name");
      resource["Name"] = property.empty() || !properties.contains(property)
                             ? generated_name(context_, stack_, id, type)
                             : text(properties, property);
    }
    cfn::Scope scope = scope_of(stack_, resource, properties);
    scope.own["generated"] = resource["Name"];
    Life life(context_, type, scope, std::move(as));
    KIBAN_TRY_VOID(prepare(life, type, scope, context_));
    KIBAN_TRY_VOID(life.run(there && !replace ? "Update" : "Create"));
    if (!there || replace) {
      const auto made = cfn::fill(type.at("Id"), scope);
      if (!made || !made->is_string())
        return fail("InternalFailure", "the service gave no id for " + id);
      resource["PhysicalId"] = scope.own["id"] = *made;
      if (!there) stack_["Created"].as_array().push_back(json::string(id));
    }
    resource["Properties"] = std::move(properties);
    finish_attributes(type, scope, resource);
    resource["Verb"] = verb;
    return wait(type, resource, id, caller_of(stack_));
  }

  Result<bool> wait(const json::object& type, json::object& resource, const std::string& id,
                    Caller as) {
    cfn::Scope scope = scope_of(stack_, resource, resource.at("Properties").as_object());
    Life life(context_, type, scope, std::move(as));
    if (const json::object* step = find_object(type, "Wait")) {
      KIBAN_TRY(const json::object reply, life.ask(*step));
      scope.own["reply"] = reply;
      const auto state =
          cfn::fill(json::value(json::string("=@reply." + text(*step, "at"))), scope);
      const auto in = [&](std::string_view list) {
        return state && std::ranges::any_of(step->at(list).as_array(),
                                            [&](const json::value& s) { return s == *state; });
      };
      if (in("failed"))
        return fail("NotStabilized",
                    fmt::format("Resource handler returned message: \"{} did not stabilize\"", id));
      resource["Waiting"] = !in("ready");
      if (!in("ready")) return false;
      if (const json::object* read = find_object(type, "Read")) {
        KIBAN_TRY(scope.own["read"], life.ask(*read));
        finish_attributes(type, scope, resource);
      }
    }
    resource["Status"] = text(resource, "Verb") + "_COMPLETE";
    add_event(context_, stack_, id, text(resource, "Verb") + "_COMPLETE");
    return true;
  }

  Result<void> remove(json::object& resource, const std::string& id) {
    if (text(resource, "PhysicalId").empty()) return {};
    if (text(resource, "DeletionPolicy") == "Retain") {
      resource["Status"] = "DELETE_SKIPPED";
      add_event(context_, stack_, id, "DELETE_SKIPPED");
      return {};
    }
    add_event(context_, stack_, id, "DELETE_IN_PROGRESS");
    const json::object& type = *cfn::find_type(text(resource, "Type"));
    KIBAN_TRY(Caller as, acting(context_, stack_));
    cfn::Scope scope = scope_of(
        stack_, resource,
        resource.contains("Properties") ? resource.at("Properties").as_object() : json::object{});
    Life life(context_, type, scope, std::move(as));
    const auto gone = life.run("Delete");
    resource["Status"] = gone ? "DELETE_COMPLETE" : "DELETE_FAILED";
    add_event(context_, stack_, id, gone ? "DELETE_COMPLETE" : "DELETE_FAILED",
              gone ? "" : gone.error().cause);
    return gone;
  }

  Result<bool> destroy() {
    json::array created = stack_["Created"].as_array();
    while (!created.empty()) {
      const std::string id(created.back().as_string());
      if (resources().contains(id) &&
          text(resources()[id].as_object(), "Status") != "DELETE_COMPLETE") {
        if (const auto gone = remove(resources()[id].as_object(), id); !gone) {
          stack_["Created"] = created;
          return fail(gone.error().name,
                      fmt::format("The following resource(s) failed to delete: [{}]. ", id));
        }
      }
      created.pop_back();
    }
    stack_["Created"] = created;
    const bool deleted = text(stack_, "Kind") == "DELETE";
    stack_["Kind"] = "";
    stack_["Outputs"] = json::array{};
    set_status(context_, stack_, deleted ? "DELETE_COMPLETE" : "ROLLBACK_COMPLETE");
    return true;
  }

  Result<bool> complete(const json::object& tree, cfn::Evaluator& evaluator,
                        const std::set<std::string>& present) {
    json::array outputs;
    const json::object* declared = find_object(tree, "Outputs");
    for (const auto& entry : declared ? *declared : json::object{}) {
      const json::object& output = entry.value().as_object();
      if (!evaluator.holds(output)) continue;
      KIBAN_TRY(const auto value, evaluator.evaluate(output.at("Value")));
      if (!value) continue;
      json::object out{
          {"OutputKey", entry.key()},
          {"OutputValue",
           value->is_string() ? *value : json::value(json::string(print_json(*value)))}};
      if (output.contains("Description")) out["Description"] = output.at("Description");
      if (const json::object* exported = find_object(output, "Export")) {
        KIBAN_TRY(const auto name, evaluator.evaluate(exported->at("Name")));
        if (name) out["ExportName"] = *name;
      }
      outputs.push_back(out);
    }
    stack_["Outputs"] = outputs;
    json::array imports;
    for (const std::string& name : evaluator.imports()) imports.push_back(json::string(name));
    stack_["Imports"] = imports;
    const std::string kind = text(stack_, "Kind");
    for (json::value& old : stack_["Old"].as_array()) {
      [[maybe_unused]] const auto gone = remove(old.as_object(), "Replaced");
    }
    stack_["Old"] = json::array{};
    json::array kept;
    for (const json::value& id : stack_["Created"].as_array()) {
      const std::string name(id.as_string());
      if (present.contains(name)) {
        kept.push_back(id);
      } else {
        [[maybe_unused]] const auto gone = remove(resources()[name].as_object(), name);
        resources().erase(name);
      }
    }
    stack_["Created"] = kept;
    stack_["Kind"] = "";
    set_status(context_, stack_, kind + "_COMPLETE");
    return true;
  }

  Context& context_;
  json::object& stack_;
};

}  // namespace

std::string stack_key(std::string_view region, std::string_view uuid) {
  return fmt::format("cloudformation/{}/stack/{}", region, uuid);
}

cfn::Stack identity(const json::object& stack) {
  return {.name = text(stack, "StackName"),
          .id = text(stack, "StackId"),
          .account = text(stack, "Account"),
          .region = text(stack, "Region")};
}

std::map<std::string, std::string> given_of(const json::object& stack) {
  std::map<std::string, std::string> out;
  for (const auto& one : stack.at("Given").as_object())
    out.emplace(one.key(), std::string(one.value().as_string()));
  return out;
}

cfn::Ports make_ports(Context& context, const std::string& region) {
  Caller as = context.caller();
  as.region = region;
  const auto outputs = [&context](const std::string& where, const auto& visit) {
    for (const store::Row& row : context.scan(stack_key(where, ""))) {
      const auto stack = get_json(context, row.key);
      if (!stack || text(*stack, "Status") == "DELETE_COMPLETE") continue;
      const json::array* all = find_array(*stack, "Outputs");
      for (const json::value& one : all ? *all : json::array{}) {
        if (visit(*stack, one.as_object()))
          return std::optional<json::value>(one.at("OutputValue"));
      }
    }
    return std::optional<json::value>();
  };
  return {
      .ssm_parameter = [&context, as](const std::string& name) -> Result<std::string> {
        auto got = context.call("ssm", "GetParameter", {{"Name", name}}, as);
        if (!got)
          return fail(
              "ValidationError",
              fmt::format("Unable to fetch parameters [{}] from parameter store for this account.",
                          name));
        return text(got->at("Parameter").as_object(), "Value");
      },
      .import_value = [outputs, region](const std::string& name) -> Result<json::value> {
        auto found = outputs(region, [&](const json::object&, const json::object& out) {
          return text(out, "ExportName") == name;
        });
        if (!found) return fail("ValidationError", fmt::format("No export named {} found.", name));
        return *found;
      },
      .stack_output = [outputs](const std::string& stack, const std::string& where,
                                const std::string& output) -> Result<json::value> {
        auto found = outputs(where, [&](const json::object& row, const json::object& out) {
          return (text(row, "StackName") == stack || text(row, "StackId") == stack) &&
                 text(out, "OutputKey") == output;
        });
        if (!found)
          return fail("ValidationError",
                      fmt::format("No output named {} found in stack {}.", output, stack));
        return *found;
      },
      .dynamic_reference = [&context, as](const std::string& reference) -> Result<std::string> {
        if (reference.starts_with("ssm:") || reference.starts_with("ssm-secure:")) {
          KIBAN_TRY(const json::object got,
                    context.call("ssm", "GetParameter",
                                 {{"Name", reference.substr(reference.find(':') + 1)},
                                  {"WithDecryption", true}},
                                 as));
          return text(got.at("Parameter").as_object(), "Value");
        }
        const std::size_t mark = reference.find(":SecretString");
        if (!reference.starts_with("secretsmanager:"))
          return fail("ValidationError", "Unknown dynamic reference " + reference);
        const std::string id = reference.substr(15, mark == std::string::npos ? mark : mark - 15);
        KIBAN_TRY(const json::object got,
                  context.call("secretsmanager", "GetSecretValue", {{"SecretId", id}}, as));
        std::string key = mark == std::string::npos || mark + 13 >= reference.size()
                              ? ""
                              : reference.substr(mark + 14);
        key = key.substr(0, key.find(':'));
        if (key.empty()) return text(got, "SecretString");
        KIBAN_TRY(const json::value secret, parse_json(text(got, "SecretString")));
        const json::value* value = secret.is_object() ? find(secret.get_object(), key) : nullptr;
        if (!value)
          return fail(
              "ValidationError",
              fmt::format("Could not find a value associated with JSONKey in SecretString"));
        return value->is_string() ? to_string(value->get_string()) : print_json(*value);
      }};
}

void add_event(Context& context, json::object& stack, const std::string& logical_id,
               const std::string& status, const std::string& reason) {
  const std::int64_t number_of = number(stack, "Events", 0) + 1;
  stack["Events"] = number_of;
  const bool own = logical_id == text(stack, "StackName");
  json::object event{{"EventId", context.random().uuid()},
                     {"StackId", text(stack, "StackId")},
                     {"StackName", text(stack, "StackName")},
                     {"LogicalResourceId", logical_id},
                     {"Timestamp", epoch_seconds(context.now())},
                     {"ResourceStatus", status},
                     {"ResourceType", "AWS::CloudFormation::Stack"},
                     {"PhysicalResourceId", text(stack, "StackId")}};
  if (!own) {
    const json::object* resource = find_object(stack.at("Resources").as_object(), logical_id);
    event["ResourceType"] = resource ? text(*resource, "Type") : "";
    event["PhysicalResourceId"] = resource ? text(*resource, "PhysicalId") : "";
  }
  if (!reason.empty()) event["ResourceStatusReason"] = reason;
  put_json(context,
           fmt::format("cloudformation/{}/event/{}/{:08}", text(stack, "Region"),
                       text(stack, "Uuid"), number_of),
           event);
}

void set_status(Context& context, json::object& stack, const std::string& status,
                const std::string& reason) {
  stack["Status"] = status;
  stack["Reason"] = reason;
  add_event(context, stack, text(stack, "StackName"), status, reason);
}

void advance(Context& context, json::object& stack) { Machine(context, stack).run(); }

}  // namespace kiban::services::cloudformation
