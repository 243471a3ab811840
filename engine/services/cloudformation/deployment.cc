#include "services/cloudformation/deployment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cfn/plan.h"
#include "cfn/template.h"
#include "services/base/rights.h"
#include "services/base/table_service.h"
#include "services/cloudformation/lifecycle.h"
#include "services/cloudformation/outputs.h"
#include "services/cloudformation/refusals.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

using namespace std::chrono_literals;

constexpr Duration poll_interval{1'000};  // In the first minute.
constexpr Duration later_poll_interval{10'000};
// How long a resource may take to settle or to go: as long as AWS waits for an ECS service.
// https://repost.aws/knowledge-center/cloudformation-ecs-service-stabilize
constexpr Duration settle_max = std::chrono::hours(3);

constexpr std::string_view desired_members[] = {
    "Template",         "Given",      "Ssm", "Parameters", "Tags", "RoleARN", "Capabilities",
    "NotificationARNs", "Description"};

void take(json::object& stack, const json::object& desired) {
  for (const std::string_view member : desired_members) {
    if (desired.contains(member)) {
      stack[member] = desired.at(member);
    } else {
      stack.erase(member);
    }
  }
}

void keep_caller(const Context& context, json::object& stack) {
  const Caller& caller = context.caller();
  json::array policies;
  for (const std::string& document : caller.session_policies) policies.emplace_back(document);
  stack["Caller"] = {{"account", caller.account},
                     {"region", caller.region},
                     {"arn", caller.arn},
                     {"key", caller.access_key_id},
                     {"policies", std::move(policies)}};
}

// What CloudFormation itself finds wrong is told as it is; a handler's message is quoted.
std::string reason_of(Context& context, const Error& error) {
  if (is_refusal(error)) return refusal_reason(context, error);
  const bool own =
      error.name == "ValidationError" && error.cause.find("(Service: ") == std::string::npos;
  if (own) return error.cause;
  return fmt::format("Resource handler returned message: \"{}\"", error.cause);
}

// What becomes of a resource that the operation created when it is rolled back. With the option
// RetainExceptOnCreate all go, those of the policy Retain too:
// docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
std::string policy_of_created(const json::object& stack, const json::object& resource) {
  const std::string policy = text(resource, "DeletionPolicy", "Delete");
  const bool goes = policy == "RetainExceptOnCreate" ||
                    (policy == "Retain" && flag(stack, "RetainExceptOnCreate"));
  return goes ? "Delete" : policy;
}

class Machine {
 public:
  Machine(Context& context, json::object& stack) : context_(context), stack_(stack) {}

  // Ends an update on its way: what still waits has failed, and all of it is rolled back.
  void cancel() {
    for (const auto& one : resources()) {
      if (flag(one.value().as_object(), "Waiting")) give_up(one.key(), cancelled(one.key()));
    }
    stack_["Kind"] = "UPDATE_ROLLBACK";
    set_status(context_, stack_, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated");
  }

  void run() {
    while (!kind().empty()) {
      const auto acting_caller = acting(context_, stack_);
      if (!acting_caller) {
        failed("Failed to assume the stack's role: " + acting_caller.error().cause);
        // A role that is gone can't roll back either.
        if (!kind().empty()) failed("the stack's role can't be assumed");
        break;
      }
      as_ = *acting_caller;
      if (!phase()) break;
    }
    save_stack(context_, stack_);
    const std::string active = row_key(text(stack_, "Region"), "active", text(stack_, "Uuid"));
    if (kind().empty()) {
      context_.erase(active);
      return;
    }
    context_.put(active, "{}");
    const json::value* began = find(stack_, "Began");
    const bool early =
        began && context_.now() - from_epoch_seconds(began->to_number<double>()) < 1min;
    context_.set_timer("cloudformation", text(stack_, "Uuid"),
                       context_.now() + (early ? poll_interval : later_poll_interval),
                       {{"Uuid", text(stack_, "Uuid")}});
  }

 private:
  std::string kind() const { return text(stack_, "Kind"); }
  json::object& resources() { return stack_["Resources"].as_object(); }

  // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html,
  // TimeoutInMinutes.
  bool timed_out() const {
    const json::value* began = find(stack_, "Began");
    const std::int64_t minutes = number(stack_, "TimeoutInMinutes", 0);
    return minutes > 0 && began &&
           context_.now() - from_epoch_seconds(began->to_number<double>()) >=
               std::chrono::minutes(minutes);
  }

  // False: something takes its time.
  bool phase() {
    const std::string now = kind();
    if (now == "CREATE" && timed_out()) {
      for (const auto& one : resources()) {
        if (flag(one.value().as_object(), "Waiting")) give_up(one.key(), cancelled(one.key()));
      }
      failed("Stack creation time exceeded the specified timeout. ");
      return true;
    }
    if (now == "CREATE" || now == "UPDATE") {
      const auto done = apply();
      if (!done) failed(done.error().cause);
      return !done || *done;
    }
    if (now == "UPDATE_ROLLBACK") {
      const auto done = revert();
      if (!done) {
        stack_["Kind"] = "";
        set_status(context_, stack_, "UPDATE_ROLLBACK_FAILED", done.error().cause);
      }
      return !done || *done;
    }
    return sweep();
  }

  void failed(const std::string& why) {
    const std::string now = kind();
    if (now == "CREATE") {
      const std::string on_failure = text(stack_, "OnFailure", "ROLLBACK");
      stack_["Kind"] = on_failure == "DO_NOTHING" ? "" : on_failure;
      if (on_failure == "DO_NOTHING") {
        set_status(context_, stack_, "CREATE_FAILED", why);
        return;
      }
      doom_everything(on_failure == "ROLLBACK");
      if (on_failure == "ROLLBACK") {
        set_status(context_, stack_, "ROLLBACK_IN_PROGRESS", why + "Rollback requested by user.");
      } else {
        set_status(context_, stack_, "DELETE_IN_PROGRESS", why + "Delete requested by user.");
      }
    } else if (now == "UPDATE") {
      stack_["Kind"] = flag(stack_, "KeepOnFailure") ? "" : "UPDATE_ROLLBACK";
      set_status(context_, stack_, kind().empty() ? "UPDATE_FAILED" : "UPDATE_ROLLBACK_IN_PROGRESS",
                 why);
    } else {
      stack_["Kind"] = "";
      const std::string cleaned =
          flag(stack_, "RolledBack") ? "UPDATE_ROLLBACK_COMPLETE" : "UPDATE_COMPLETE";
      set_status(context_, stack_, now == "CLEANUP" ? cleaned : now + "_FAILED", why);
    }
  }

  // What the stack imports is there before anything is made.
  Result<void> check_imports(const json::object& tree) {
    cfn::Evaluator evaluator(tree, identity(stack_), make_ports(context_, stack_, as_));
    KIBAN_TRY_VOID(evaluator.prepare(given_of(stack_)));
    evaluator.plan_only(true);
    for (const std::string& id : evaluator.present()) {
      const auto known = evaluator.properties(id);
      if (!known) return fail(known.error().name, known.error().cause + " ");
    }
    return {};
  }

  Result<bool> apply() {
    KIBAN_TRY(const json::object tree, cfn::parse_template(text(stack_, "Template")));
    const bool begins =
        stack_.at("Done").as_object().empty() && stack_.at("Touched").as_object().empty();
    if (begins) KIBAN_TRY_VOID(check_imports(tree));
    cfn::Evaluator evaluator(tree, identity(stack_), make_ports(context_, stack_, as_));
    KIBAN_TRY_VOID(evaluator.prepare(given_of(stack_)));
    const auto present = evaluator.present();
    KIBAN_TRY(const cfn::Graph graph, cfn::make_graph(tree, present));
    json::object& done = stack_["Done"].as_object();
    const auto make_known = [&](const std::string& id) {
      const json::object& row = resources()[id].as_object();
      evaluator.made()[id] = {.physical_id = text(row, "PhysicalId"),
                              .attributes = row.at("Attributes").as_object()};
    };
    for (const auto& one : done) make_known(one.key());
    std::vector<std::string> broken;
    for (const std::string& id : graph.order) {
      if (done.contains(id)) continue;
      const auto needs = graph.needs.find(id);
      if (needs != graph.needs.end() &&
          !std::ranges::all_of(needs->second,
                               [&](const std::string& on) { return done.contains(on); })) {
        continue;
      }
      const auto progress = one(tree, graph, evaluator, id);
      if (!progress) {
        broken.push_back(id);
        give_up(id, reason_of(context_, progress.error()));
        break;
      }
      if (*progress == Progress::Waiting) continue;
      done[id] = true;
      make_known(id);
    }
    if (!broken.empty()) {
      for (const auto& other : resources()) {
        if (!flag(other.value().as_object(), "Waiting")) continue;
        broken.emplace_back(other.key());
        give_up(broken.back(), cancelled(broken.back()));
      }
      return fail("ResourceFailed",
                  fmt::format("The following resource(s) failed to {}: [{}]. ",
                              kind() == "CREATE" ? "create" : "update", fmt::join(broken, ", ")));
    }
    if (done.size() < graph.order.size()) return false;
    const json::object before = stack_;
    KIBAN_TRY_VOID(finish_outputs(context_, stack_, tree, evaluator));
    index_exports(context_, before, stack_);
    complete(present);
    return true;
  }

  std::string cancelled(const std::string& id) {
    const bool update = text(resources()[id].as_object(), "Verb") == "UPDATE";
    return update ? "Resource update cancelled" : "Resource creation cancelled";
  }

  void give_up(const std::string& id, const std::string& why) {
    json::object& resource = resources()[id].as_object();
    resource["Waiting"] = false;
    const std::string verb = text(resource, "Verb", "CREATE");
    if (verb == "CREATE") resource["Partial"] = true;
    set_resource(resource, id, verb + "_FAILED", why);
  }

  void set_resource(json::object& resource, const std::string& id, const std::string& status,
                    const std::string& why = {}) {
    resource["Status"] = status;
    resource["Reason"] = why;
    resource["Time"] = epoch_seconds(context_.now());
    add_event(context_, stack_, &resource, id, status, why);
  }

  // Makes one resource what the template says.
  Result<Progress> one(const json::object& tree, const cfn::Graph& graph, cfn::Evaluator& evaluator,
                       const std::string& id) {
    const json::object& declared = tree.at("Resources").at(id).as_object();
    const json::object& type = *cfn::find_type(text(declared, "Type"));
    if (!resources().contains(id)) {
      resources()[id] = {{"LogicalId", id}, {"Type", text(declared, "Type")}};
    }
    json::object& resource = resources()[id].as_object();
    resource["DeletionPolicy"] =
        text(declared, "DeletionPolicy", text(type, "DefaultPolicy", "Delete"));
    resource["UpdateReplacePolicy"] = text(declared, "UpdateReplacePolicy", "Delete");
    json::array needs;
    if (const auto found = graph.needs.find(id); found != graph.needs.end()) {
      for (const std::string& on : found->second) needs.push_back(json::string(on));
    }
    resource["Needs"] = needs;
    Lifecycle lifecycle(context_, stack_, as_);
    if (flag(resource, "Waiting")) return settle(resource, id, lifecycle.settled(resource));
    // What fails from here on fails an update, or the creation of what is not there.
    const bool there = resource.contains("PhysicalId") && !flag(resource, "Partial");
    resource["Verb"] = there ? "UPDATE" : "CREATE";
    KIBAN_TRY(json::object properties, evaluator.properties(id));
    KIBAN_TRY_VOID(cfn::check_given(type, properties));
    properties = cfn::with_stack_tags(type, std::move(properties), stack_.at("Tags").as_array());
    if (flag(resource, "Partial")) {  // Left by a failed creation that was not rolled back.
      if (resource.contains("PhysicalId")) {
        KIBAN_TRY(const Progress gone, lifecycle.remove(resource, "Delete"));
        if (gone == Progress::Waiting) return gone;
      }
      for (const std::string_view member : {"PhysicalId", "Deleting", "Tries", "Partial"}) {
        resource.erase(member);
      }
    }
    if (!resource.contains("PhysicalId")) return make(resource, id, properties, lifecycle);
    const auto changes = cfn::compare(type, resource.at("Properties").as_object(), properties);
    if (changes.empty() && !resource.contains("Attempted")) return Progress::Done;
    const bool replace = std::ranges::any_of(
        changes, [](const cfn::PropertyChange& change) { return change.replaces; });
    json::object& touched = stack_["Touched"].as_object();
    if (!replace) {
      touched[id] = "updated";
      resource["Verb"] = "UPDATE";
      set_resource(resource, id, "UPDATE_IN_PROGRESS");
      return settle(resource, id, lifecycle.update(resource, properties));
    }
    if (flag(stack_, "KeepOnFailure") && kind() == "UPDATE")
      return fail("ValidationError",
                  "Replacement type updates not supported on stack with disable-rollback.");
    KIBAN_TRY_VOID(check_name(type, resource, changes));
    touched[id] = "replaced";
    json::object old = resource;
    old["Policy"] = text(declared, "UpdateReplacePolicy", "Delete");
    stack_["Doomed"].as_array().push_back(std::move(old));
    set_resource(resource, id, "UPDATE_IN_PROGRESS",
                 "Requested update requires the creation of a new physical resource; hence "
                 "creating one.");
    for (const std::string_view member :
         {"PhysicalId", "Attributes", "Name", "Properties", "Attempted"}) {
      resource.erase(member);
    }
    resource["Verb"] = "UPDATE";
    resource["Partial"] = true;
    auto progress = lifecycle.create(resource, properties);
    if (progress) resource.erase("Partial");
    return settle(resource, id, std::move(progress));
  }

  // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
  Result<void> check_name(const json::object& type, const json::object& resource,
                          const std::vector<cfn::PropertyChange>& changes) {
    const std::string name = text(type, "Name");
    const bool custom = !name.empty() && resource.at("Properties").as_object().contains(name);
    const bool renamed = std::ranges::any_of(
        changes, [&](const cfn::PropertyChange& change) { return change.name == name; });
    if (!custom || renamed || flag(type, "SameName")) return {};
    return fail("ValidationError",
                fmt::format("CloudFormation cannot update a stack when a custom-named resource "
                            "requires replacing. Rename {} and update the stack again.",
                            text(resource, "PhysicalId")));
  }

  Result<Progress> make(json::object& resource, const std::string& id,
                        const json::object& properties, Lifecycle& lifecycle) {
    stack_["Touched"].as_object()[id] = "created";
    resource["Verb"] = "CREATE";
    set_resource(resource, id, "CREATE_IN_PROGRESS");
    return settle(resource, id, lifecycle.create(resource, properties));
  }

  Result<Progress> settle(json::object& resource, const std::string& id,
                          Result<Progress> progress) {
    const std::string verb = text(resource, "Verb");
    if (!progress) return progress;
    const bool waiting = *progress == Progress::Waiting;
    if (waiting && overdue(resource, flag(resource, "Waiting"))) {
      return fail("NotStabilized", fmt::format("{} did not stabilize within {} hours: it {}", id,
                                               std::chrono::hours(settle_max / 1h).count(),
                                               text(resource, "Reason")));
    }
    // AWS tells the physical id as soon as there is one.
    if (waiting && !flag(resource, "Waiting") && verb == "CREATE") {
      const std::string waits = text(resource, "Reason");
      set_resource(resource, id, "CREATE_IN_PROGRESS", "Resource creation Initiated");
      resource["Reason"] = waits;
    }
    resource["Waiting"] = waiting;
    if (!waiting) set_resource(resource, id, verb + "_COMPLETE");
    return progress;
  }

  // Of what began to wait now, or waits already.
  bool overdue(json::object& row, bool already) {
    if (!already || !row.contains("Since")) row["Since"] = epoch_seconds(context_.now());
    const Timestamp since = from_epoch_seconds(row.at("Since").to_number<double>());
    return context_.now() - since >= settle_max;
  }

  void complete(const std::set<std::string>& present) {
    const std::string verb = kind();
    std::vector<std::string> removed;
    for (const auto& row : resources()) {
      if (!present.contains(std::string(row.key()))) removed.emplace_back(row.key());
    }
    json::array& doomed = stack_["Doomed"].as_array();
    for (const std::string& id : removed) {
      json::object row = resources()[id].as_object();
      row["Policy"] = text(row, "DeletionPolicy");
      doomed.push_back(std::move(row));
      resources().erase(id);
    }
    if (verb == "CREATE") {
      stack_["Kind"] = "";
      set_status(context_, stack_, "CREATE_COMPLETE");
      return;
    }
    stack_["Kind"] = "CLEANUP";
    set_status(context_, stack_, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS");
  }

  // Puts back what an update changed; what it made is doomed.
  Result<bool> revert() {
    json::object& touched = stack_["Touched"].as_object();
    const json::object backup = stack_.at("Backup").as_object();
    std::vector<std::string> ids;
    for (const auto& one : touched) ids.emplace_back(one.key());
    bool waiting = false;
    for (const std::string& id : ids) {
      const std::string how(touched[id].as_string());
      if (how == "updated") {
        KIBAN_TRY(const Progress progress, revert_update(id, backup.at(id).as_object()));
        waiting = waiting || progress == Progress::Waiting;
        if (progress == Progress::Done) touched[id] = "reverted";
        continue;
      }
      if (how == "reverted") continue;
      json::object made = resources()[id].as_object();
      made["Policy"] = "Delete";
      if (const json::object* old = find_object(backup, id)) {
        resources()[id] = *old;
        forget_doomed(id);
        set_resource(resources()[id].as_object(), id, "UPDATE_COMPLETE");
      } else {
        made["Policy"] = policy_of_created(stack_, made);
        resources().erase(id);
      }
      if (made.contains("PhysicalId")) {
        stack_["Doomed"].as_array().push_back(std::move(made));
      }
      touched[id] = "reverted";
    }
    if (waiting) return false;
    for (const auto& old : backup) {
      for (const std::string_view member : {"DeletionPolicy", "UpdateReplacePolicy", "Needs"}) {
        resources()[old.key()].as_object()[member] = old.value().at(member);
      }
    }
    take(stack_, stack_.at("Previous").as_object());
    stack_["Kind"] = "CLEANUP";
    stack_["RolledBack"] = true;
    set_status(context_, stack_, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS");
    return true;
  }

  void forget_doomed(const std::string& id) {
    json::array kept;
    for (const json::value& row : stack_["Doomed"].as_array()) {
      if (text(row.as_object(), "LogicalId") != id) kept.push_back(row);
    }
    stack_["Doomed"] = std::move(kept);
  }

  Result<Progress> revert_update(const std::string& id, const json::object& before) {
    json::object& resource = resources()[id].as_object();
    Lifecycle lifecycle(context_, stack_, as_);
    resource["Verb"] = "UPDATE";
    if (text(resource, "Reverting") == "yes") {
      const auto progress = settle(resource, id, lifecycle.settled(resource));
      if (progress && *progress == Progress::Done) resource.erase("Reverting");
      return progress;
    }
    set_resource(resource, id, "UPDATE_IN_PROGRESS");
    resource["Reverting"] = "yes";
    resource["Waiting"] = false;
    const auto progress =
        settle(resource, id, lifecycle.update(resource, before.at("Properties").as_object()));
    if (!progress) {
      resource.erase("Reverting");
      set_resource(resource, id, "UPDATE_FAILED", reason_of(context_, progress.error()));
      return fail("ResourceFailed",
                  fmt::format("The following resource(s) failed to update: [{}]. ", id));
    }
    if (*progress == Progress::Done) resource.erase("Reverting");
    return progress;
  }

  void doom_everything(bool created_only) {
    json::array doomed;
    for (const auto& one : resources()) {
      json::object row = one.value().as_object();
      row["Policy"] =
          created_only ? policy_of_created(stack_, row) : text(row, "DeletionPolicy", "Delete");
      doomed.push_back(std::move(row));
    }
    stack_["Doomed"] = std::move(doomed);
  }

  // Deletes what is doomed, dependents first. True: the phase is over.
  bool sweep() {
    json::array& doomed = stack_["Doomed"].as_array();
    bool waiting = false;
    for (bool moved = true; moved;) {
      moved = false;
      waiting = false;
      for (json::value& entry : doomed) {
        json::object& row = entry.as_object();
        if (!text(row, "End").empty() || is_needed(doomed, row)) continue;
        const auto progress = remove(row);
        moved = moved || !progress || *progress == Progress::Done;
        waiting = waiting || (progress && *progress == Progress::Waiting);
      }
    }
    if (waiting) return false;
    std::vector<std::string> left;
    for (const json::value& row : doomed) {
      if (text(row.as_object(), "End") == "FAILED")
        left.push_back(text(row.as_object(), "LogicalId"));
    }
    swept(left);
    return true;
  }

  static bool is_needed(const json::array& doomed, const json::object& row) {
    const json::value id(json::string(text(row, "LogicalId")));
    return std::ranges::any_of(doomed, [&](const json::value& other) {
      const json::object& one = other.as_object();
      const json::array* needs = find_array(one, "Needs");
      return &one != &row && text(one, "End") != "GONE" && needs &&
             std::ranges::find(*needs, id) != needs->end();
    });
  }

  // The row of "Resources" that a doomed row is, if it is not an old or removed one.
  void mirror(const json::object& row) {
    const std::string id = text(row, "LogicalId");
    if (kind() == "CLEANUP" || !resources().contains(id)) return;
    json::object& resource = resources()[id].as_object();
    for (const std::string_view member : {"Status", "Reason", "Time"}) {
      resource[member] = row.at(member);
    }
  }

  Result<Progress> remove(json::object& row) {
    const std::string id = text(row, "LogicalId");
    const auto tell = [&](const std::string& status, const std::string& why = {}) {
      set_resource(row, id, status, why);
      mirror(row);
    };
    const std::string policy = text(row, "Policy", "Delete");
    if (policy == "Retain" || policy == "RetainExceptOnCreate") {
      tell("DELETE_SKIPPED");
      row["End"] = "GONE";
      return Progress::Done;
    }
    if (!row.contains("PhysicalId")) {
      tell("DELETE_COMPLETE");
      row["End"] = "GONE";
      return Progress::Done;
    }
    const bool already = text(row, "Status") == "DELETE_IN_PROGRESS";
    if (!already) tell("DELETE_IN_PROGRESS");
    auto progress = Lifecycle(context_, stack_, as_).remove(row, policy);
    if (progress && *progress == Progress::Waiting && overdue(row, already)) {
      progress = fail("NotStabilized", fmt::format("{} was not gone after {} hours", id,
                                                   std::chrono::hours(settle_max / 1h).count()));
    }
    if (!progress) {
      tell("DELETE_FAILED", reason_of(context_, progress.error()));
      row["End"] = kind() == "DELETE" && flag(stack_, "ForceDelete") ? "GONE" : "FAILED";
    } else if (*progress == Progress::Done) {
      tell("DELETE_COMPLETE");
      row["End"] = "GONE";
    }
    return progress;
  }

  void swept(const std::vector<std::string>& left) {
    const std::string phase_name = kind();
    const std::string why = left.empty()
                                ? ""
                                : fmt::format("The following resource(s) failed to delete: [{}]. ",
                                              fmt::join(left, ", "));
    stack_["Kind"] = "";
    if (phase_name == "CLEANUP") {
      // AWS leaves what it could not clean up, and completes.
      set_status(context_, stack_,
                 flag(stack_, "RolledBack") ? "UPDATE_ROLLBACK_COMPLETE" : "UPDATE_COMPLETE", why);
    } else if (!left.empty()) {
      set_status(context_, stack_, phase_name + "_FAILED", why);
    } else if (phase_name == "ROLLBACK") {
      set_status(context_, stack_, "ROLLBACK_COMPLETE");
    } else {
      bury();
    }
    for (const std::string_view member : {"Doomed", "Done", "Touched", "Backup", "Previous"}) {
      stack_.erase(member);
    }
  }

  void bury() {
    const json::object before = stack_;
    const std::string region = text(stack_, "Region");
    stack_["DeletionTime"] = epoch_seconds(context_.now());
    set_status(context_, stack_, "DELETE_COMPLETE");
    context_.erase(row_key(region, "name", text(stack_, "StackName")));
    json::object after = stack_;
    after["Outputs"] = json::array{};
    after["Imports"] = json::array{};
    index_exports(context_, before, after);
    for (const store::Row& row :
         context_.scan(row_key(region, "changeset", text(stack_, "Uuid") + "/"))) {
      context_.erase(row.key);
    }
  }

  Context& context_;
  json::object& stack_;
  Caller as_{};
};

void begin(Context& context, json::object& stack, const std::string& kind) {
  keep_caller(context, stack);
  stack["Kind"] = kind;
  stack["Began"] = epoch_seconds(context.now());
  stack["Done"] = json::object{};
  stack["Touched"] = json::object{};
  stack["Doomed"] = json::array{};
  stack.erase("RolledBack");
  stack.erase("RetainExceptOnCreate");
}

}  // namespace

Result<Caller> acting(Context& context, const json::object& stack) {
  if (text(stack, "RoleARN").empty()) {
    const json::object& from = stack.at("Caller").as_object();
    Caller caller{.account = text(from, "account"),
                  .region = text(from, "region"),
                  .arn = text(from, "arn"),
                  .access_key_id = text(from, "key"),
                  .acts_for = text(stack, "StackId")};
    const json::array* policies = find_array(from, "policies");
    for (const json::value& document : policies ? *policies : json::array{})
      caller.session_policies.push_back(to_string(document.as_string()));
    return caller;
  }
  KIBAN_TRY(Caller caller,
            assume_stack_role(context, text(stack, "RoleARN"), text(stack, "StackId")));
  caller.region = text(stack, "Region");
  return caller;
}

void begin_create(Context& context, json::object& stack, const json::object& desired) {
  take(stack, desired);
  begin(context, stack, "CREATE");
  set_status(context, stack, "CREATE_IN_PROGRESS", "User Initiated");
}

void begin_update(Context& context, json::object& stack, const json::object& desired) {
  json::object previous;
  take(previous, stack);
  stack["Previous"] = std::move(previous);
  stack["Backup"] = stack.at("Resources");
  stack["LastUpdatedTime"] = epoch_seconds(context.now());
  take(stack, desired);
  begin(context, stack, "UPDATE");
  set_status(context, stack, "UPDATE_IN_PROGRESS", "User Initiated");
}

void cancel_update(Context& context, json::object& stack) {
  keep_caller(context, stack);
  Machine(context, stack).cancel();
}

void begin_rollback(Context& context, json::object& stack, const json::array& skipped) {
  keep_caller(context, stack);
  if (text(stack, "Status") == "CREATE_FAILED") {
    const json::object before = stack;
    begin(context, stack, "ROLLBACK");
    json::array& doomed = stack["Doomed"].as_array();
    for (const auto& one : stack.at("Resources").as_object()) {
      json::object row = one.value().as_object();
      row["Policy"] = policy_of_created(before, row);
      doomed.push_back(std::move(row));
    }
    set_status(context, stack, "ROLLBACK_IN_PROGRESS", "User Initiated");
    return;
  }
  json::object& touched = stack["Touched"].as_object();
  const json::object& backup = stack.at("Backup").as_object();
  for (const json::value& id : skipped) {
    const std::string_view name = id.as_string();
    touched[name] = "reverted";
    if (!backup.contains(name)) continue;
    // It counts as rolled back from then on.
    json::object& row = stack["Resources"].as_object()[name].as_object();
    row["Properties"] = backup.at(name).at("Properties");
    row.erase("Attempted");
    row["Status"] = "UPDATE_COMPLETE";
    row["Reason"] = "";
    row["Time"] = epoch_seconds(context.now());
    add_event(context, stack, &row, std::string(name), "UPDATE_COMPLETE");
  }
  stack["Kind"] = "UPDATE_ROLLBACK";
  set_status(context, stack, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated");
}

void begin_delete(Context& context, json::object& stack, const json::array& retained) {
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html:
  // a stack whose exports are imported can't be deleted. It keeps its status and says why.
  for (const std::string& exported : exports_of(stack)) {
    const auto used = importers(context, text(stack, "Region"), exported);
    if (used.empty()) continue;
    set_status(context, stack, text(stack, "Status"),
               fmt::format("Delete canceled. Cannot delete export {} as it is in use by {}.",
                           exported, fmt::join(used, ", ")));
    return;
  }
  begin(context, stack, "DELETE");
  for (const auto& one : stack.at("Resources").as_object()) {
    json::object row = one.value().as_object();
    const std::string status = text(row, "Status");
    if (status == "DELETE_COMPLETE" || status == "DELETE_SKIPPED") continue;
    const bool keep =
        std::ranges::find(retained, json::value(json::string(one.key()))) != retained.end();
    row["Policy"] = keep ? "Retain" : text(row, "DeletionPolicy", "Delete");
    row.erase("Deleting");
    stack["Doomed"].as_array().push_back(std::move(row));
  }
  set_status(context, stack, "DELETE_IN_PROGRESS", "User Initiated");
}

void advance(Context& context, json::object& stack) { Machine(context, stack).run(); }

}  // namespace kiban::services::cloudformation
