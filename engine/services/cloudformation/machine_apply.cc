// Makes the resources of a stack what its template says.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cfn/types.h"
#include "services/cloudformation/machine.h"
#include "services/cloudformation/outputs.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

using namespace std::chrono_literals;

std::string cancelled(const Resource& resource) {
  return resource.verb == Verb::Update ? "Resource update cancelled"
                                       : "Resource creation cancelled";
}

bool contains_all(const std::set<std::string>& done, const std::set<std::string>& needs) {
  return std::ranges::includes(done, needs);
}

}  // namespace

// What the stack imports is there before anything is made.
Result<void> Machine::check_imports() {
  cfn::Evaluator evaluator(stack_.desired.tree, identity(stack_),
                           make_ports(context_, stack_.region, stack_.desired.ssm, as_));
  KIBAN_TRY_VOID(evaluator.prepare(stack_.desired.given));
  evaluator.plan_only(true);
  for (const std::string& id : evaluator.present()) {
    const auto known = evaluator.properties(id);
    if (!known) return fail(known.error().name, known.error().cause + " ");
  }
  return {};
}

Result<bool> Machine::apply() {
  const json::object& tree = stack_.desired.tree;
  if (tree.empty())
    return fail("ValidationError", "The template of this stack is no longer valid. ");
  if (stack_.done.empty() && stack_.touched.empty()) KIBAN_TRY_VOID(check_imports());
  cfn::Evaluator evaluator(tree, identity(stack_),
                           make_ports(context_, stack_.region, stack_.desired.ssm, as_));
  KIBAN_TRY_VOID(evaluator.prepare(stack_.desired.given));
  const auto present = evaluator.present();
  KIBAN_TRY(const cfn::Graph graph, cfn::make_graph(tree, present));
  const auto make_known = [&](const std::string& id) {
    const Resource& row = *find_resource(stack_.resources, id);
    evaluator.made()[id] = {.physical_id = row.physical_id, .attributes = row.attributes};
  };
  for (const std::string& id : stack_.done) make_known(id);
  std::vector<std::string> broken;
  for (const std::string& id : graph.order) {
    if (stack_.done.contains(id)) continue;
    const auto needs = graph.needs.find(id);
    if (needs != graph.needs.end() && !contains_all(stack_.done, needs->second)) continue;
    const auto progress = one(graph, evaluator, id);
    if (!progress) {
      broken.push_back(id);
      give_up(*find_resource(stack_.resources, id), reason_of(context_, progress.error()));
      break;
    }
    if (*progress == Progress::Waiting) continue;
    stack_.done.insert(id);
    make_known(id);
  }
  if (!broken.empty()) {
    give_up_waiting(&broken);
    return fail("ResourceFailed",
                fmt::format("The following resource(s) failed to {}: [{}]. ",
                            stack_.operation == StackOperation::Create ? "create" : "update",
                            fmt::join(broken, ", ")));
  }
  if (stack_.done.size() < graph.order.size()) return false;
  const Stack before = stack_;
  KIBAN_TRY_VOID(finish_outputs(context_, stack_, evaluator));
  index_exports(context_, before, stack_);
  complete(present);
  return true;
}

void Machine::give_up_waiting(std::vector<std::string>* given_up) {
  for (Resource& resource : stack_.resources) {
    if (!resource.waiting) continue;
    if (given_up) given_up->push_back(resource.logical_id);
    give_up(resource, cancelled(resource));
  }
}

void Machine::give_up(Resource& resource, const std::string& why) {
  resource.waiting = false;
  if (resource.verb == Verb::Create) resource.partial = true;
  set_resource(resource, std::string(text_of(resource.verb)) + "_FAILED", why);
}

void Machine::touch(const std::string& id, Touch touch) {
  const auto found = std::ranges::find(stack_.touched, id, &std::pair<std::string, Touch>::first);
  if (found != stack_.touched.end()) {
    found->second = touch;
  } else {
    stack_.touched.emplace_back(id, touch);
  }
}

// What the template says of the resource beside its properties.
Result<void> Machine::declare(Resource& resource, const cfn::Graph& graph,
                              cfn::Evaluator& evaluator) {
  const json::object& declared =
      stack_.desired.tree.at("Resources").at(resource.logical_id).as_object();
  const json::object& type = *cfn::find_type(resource.type);
  KIBAN_TRY(resource.deletion_policy,
            evaluator.policy(declared, "DeletionPolicy", text(type, "DefaultPolicy", "Delete")));
  KIBAN_TRY(resource.update_replace_policy,
            evaluator.policy(declared, "UpdateReplacePolicy", "Delete"));
  resource.needs.clear();
  if (const auto found = graph.needs.find(resource.logical_id); found != graph.needs.end())
    resource.needs.assign(found->second.begin(), found->second.end());
  return {};
}

// Makes one resource what the template says.
Result<Progress> Machine::one(const cfn::Graph& graph, cfn::Evaluator& evaluator,
                              const std::string& id) {
  const json::object& declared = stack_.desired.tree.at("Resources").at(id).as_object();
  if (!find_resource(stack_.resources, id))
    stack_.resources.push_back({.logical_id = id, .type = text(declared, "Type")});
  Resource& resource = *find_resource(stack_.resources, id);
  KIBAN_TRY_VOID(declare(resource, graph, evaluator));
  const json::object& type = *cfn::find_type(resource.type);
  Lifecycle lifecycle(context_, stack_, as_);
  if (resource.waiting) return settle(resource, lifecycle.settled(resource));
  // What fails from here on fails an update, or the creation of what is not there.
  const bool there = !resource.physical_id.empty() && !resource.partial;
  resource.verb = there ? Verb::Update : Verb::Create;
  KIBAN_TRY(json::object properties, evaluator.properties(id));
  KIBAN_TRY_VOID(cfn::check_given(type, properties));
  properties = cfn::with_stack_tags(type, std::move(properties), stack_.desired.tags);
  if (resource.partial) {  // Left by a failed creation that was not rolled back.
    if (!resource.physical_id.empty()) {
      KIBAN_TRY(const Progress gone, lifecycle.remove(resource, "Delete"));
      if (gone == Progress::Waiting) return gone;
    }
    resource.physical_id.clear();
    resource.deleting = false;
    resource.tries = 0;
    resource.partial = false;
  }
  if (!resource.physical_id.empty()) return change(resource, properties);
  touch(id, Touch::Created);
  resource.verb = Verb::Create;
  set_resource(resource, "CREATE_IN_PROGRESS");
  return settle(resource, lifecycle.create(resource, properties));
}

// Of a resource that is there.
Result<Progress> Machine::change(Resource& resource, const json::object& properties) {
  const json::object& type = *cfn::find_type(resource.type);
  const auto changes = cfn::compare(type, resource.properties, properties);
  if (changes.empty() && !resource.attempted &&
      !Lifecycle(context_, stack_, as_).is_outdated(resource))
    return Progress::Done;
  resource.verb = Verb::Update;
  const bool replaced =
      std::ranges::any_of(changes, [](const cfn::PropertyChange& one) { return one.replaces; });
  if (!replaced) {
    touch(resource.logical_id, Touch::Updated);
    set_resource(resource, "UPDATE_IN_PROGRESS");
    return settle(resource, Lifecycle(context_, stack_, as_).update(resource, properties));
  }
  if (stack_.keep_on_failure && stack_.operation == StackOperation::Update)
    return fail("ValidationError",
                "Replacement type updates not supported on stack with disable-rollback.");
  KIBAN_TRY_VOID(check_name(type, resource, changes));
  return replace(resource, properties);
}

Result<Progress> Machine::replace(Resource& resource, const json::object& properties) {
  touch(resource.logical_id, Touch::Replaced);
  Resource old = resource;
  old.policy = resource.update_replace_policy;
  stack_.doomed.push_back(std::move(old));
  set_resource(resource, "UPDATE_IN_PROGRESS",
               "Requested update requires the creation of a new physical resource; hence "
               "creating one.");
  resource.physical_id.clear();
  resource.attributes = {};
  resource.name.clear();
  resource.properties = {};
  resource.handler = {};
  resource.since.reset();
  resource.attempted.reset();
  resource.partial = true;
  auto progress = Lifecycle(context_, stack_, as_).create(resource, properties);
  if (progress) resource.partial = false;
  return settle(resource, std::move(progress));
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
Result<void> Machine::check_name(const json::object& type, const Resource& resource,
                                 const std::vector<cfn::PropertyChange>& changes) const {
  const std::string name = text(type, "Name");
  const bool custom = !name.empty() && resource.properties.contains(name);
  const bool renamed = std::ranges::any_of(
      changes, [&](const cfn::PropertyChange& change) { return change.name == name; });
  if (!custom || renamed || flag(type, "SameName")) return {};
  return fail("ValidationError",
              fmt::format("CloudFormation cannot update a stack when a custom-named resource "
                          "requires replacing. Rename {} and update the stack again.",
                          resource.physical_id));
}

Result<Progress> Machine::settle(Resource& resource, Result<Progress> progress) {
  if (!progress) return progress;
  const bool waiting = *progress == Progress::Waiting;
  if (waiting && overdue(resource, resource.waiting)) {
    return fail("NotStabilized",
                fmt::format("{} did not stabilize within {} hours: it {}", resource.logical_id,
                            std::chrono::hours(settle_max / 1h).count(), resource.reason));
  }
  // AWS tells the physical id as soon as there is one.
  if (waiting && !resource.waiting && resource.verb == Verb::Create) {
    const std::string waits = resource.reason;
    set_resource(resource, "CREATE_IN_PROGRESS", "Resource creation Initiated");
    resource.reason = waits;
  }
  resource.waiting = waiting;
  if (!waiting) doom_replaced(resource);
  if (!waiting) set_resource(resource, std::string(text_of(resource.verb)) + "_COMPLETE");
  return progress;
}

// What an update left behind under another physical id goes; what is in use again is kept.
void Machine::doom_replaced(Resource& resource) {
  auto old = take_replaced(resource);
  if (!old) return;
  std::erase_if(stack_.doomed, [&](const Resource& one) {
    return one.logical_id == resource.logical_id && one.physical_id == resource.physical_id;
  });
  old->policy = resource.update_replace_policy;
  old->waiting = false;
  stack_.doomed.push_back(*std::move(old));
}

// Of what began to wait now, or waits already.
bool Machine::overdue(Resource& resource, bool already) {
  if (handler_of(*cfn::find_type(resource.type))) return false;
  if (!already || !resource.since) resource.since = context_.now();
  return context_.now() - *resource.since >= settle_max;
}

void Machine::complete(const std::set<std::string>& present) {
  for (const Resource& row : stack_.resources) {
    if (present.contains(row.logical_id)) continue;
    Resource gone = row;
    gone.policy = gone.deletion_policy;
    stack_.doomed.push_back(std::move(gone));
  }
  std::erase_if(stack_.resources,
                [&](const Resource& row) { return !present.contains(row.logical_id); });
  if (stack_.operation == StackOperation::Create) return end_operation("CREATE_COMPLETE");
  stack_.operation = StackOperation::Cleanup;
  set_status(context_, stack_, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS");
}

}  // namespace kiban::services::cloudformation
