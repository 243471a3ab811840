// What a service is, and what it may touch. A service is a set of typed operations over rows; the
// kernel (engine/kernel) runs them on its one thread. Nothing here reads a clock, a file, a socket
// or a random source: time, seed and caller come with the command.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/random.h"
#include "core/result.h"
#include "core/time.h"
#include "store/store.h"

namespace kiban::services {

// On whose behalf an operation runs.
struct Caller {
  std::string account{"000000000000"};
  std::string region{"ap-northeast-1"};
  std::string arn{};            // Principal: arn:aws:iam::…:root, …:assumed-role/NAME/SESSION, or
                                // a service's own name (ecs.amazonaws.com).
  std::string access_key_id{};  // Empty on internal hops.
  // Of a service principal and of a role's session that a service assumed: the ARN of the resource
  // on whose behalf the service calls (a rule, a topic, a state machine): the condition key
  // aws:SourceArn. Empty for clients.
  std::string source_arn{};
  // The execution, task, rule or stack that a session serves: what explanations name.
  std::string acts_for{};
  // Policy documents given to AssumeRole with the session: together they limit it.
  std::vector<std::string> session_policies{};
  bool operator==(const Caller&) const = default;
};

// A condition key of a request: {"sns:Protocol", {"sqs"}}.
struct ConditionKey {
  std::string name{};
  std::vector<std::string> values{};
  bool operator==(const ConditionKey&) const = default;
};

// What the caller of a command wants to do.
struct AccessRequest {
  std::string action{};              // "ecs:RunTask"
  std::string resource{};            // An ARN, or "*".
  std::vector<ConditionKey> keys{};  // Beside the global keys, which follow from the caller.
  std::string resource_policy{};     // The document attached to the resource; empty: none.
  std::string resource_account{};    // Empty: that of the ARN, else the caller's.
};

// A policy document and the name by which the record of decisions refers to it.
struct NamedPolicy {
  std::string name{};
  std::string document{};  // Empty: one of AWS's whose text kiban does not have.
  bool operator==(const NamedPolicy&) const = default;
};

// What a role or a user brings into a decision.
struct RolePolicies {
  std::string arn{};  // With its path: the condition key aws:PrincipalArn.
  std::vector<NamedPolicy> identity{};
  std::vector<NamedPolicy> boundaries{};
  std::vector<std::pair<std::string, std::string>> tags{};  // aws:PrincipalTag/KEY.
  NamedPolicy trust{};                                      // Of a role.
};

// What the authoriser needs to know about a resource.
struct ResourceAccess {
  std::string arn{};     // In full: with the path, revision or suffix that a request may omit.
  std::string policy{};  // The document attached to it; empty: none.
  std::vector<std::pair<std::string, std::string>> tags{};  // aws:ResourceTag/KEY.
};

// A role that a service, a user or another role's session assumes.
struct RoleRequest {
  std::string role_arn{};
  std::string principal{};  // states.amazonaws.com, or the ARN of a user or session.
  std::string session_name{};
  std::string source_arn{};          // As in Caller; also aws:SourceArn for the trust policy.
  std::string acts_for{};            // As in Caller.
  std::vector<ConditionKey> keys{};  // Further keys for the trust policy: sts:ExternalId.
};

// Work outside the kernel, handed over once the batch that decided it is durable, and again after a
// restart until its final outcome came: performing it must be idempotent by (service, id).
struct Effect {
  std::string service{};  // Whose on_outcome hears of it.
  std::string kind{};     // Which performer does it, such as "container.run" or "http.post".
  std::string id{};       // Unique within the service.
  json::object payload{};
};

// Progress or result of an effect. Several may come; the last has final = true.
struct Outcome {
  std::string id{};
  bool final{true};
  json::object payload{};
};

// An AWS service event (aws.ecs "ECS Task State Change", ...), delivered to the services that list
// its source in event_sources().
struct Event {
  std::string source{};
  std::string detail_type{};
  std::string region{};
  std::string account{};
  std::vector<std::string> resources{};
  json::object detail{};
};

// One measurement of a service about itself: a datum of an AWS/… namespace. The views are of
// literals.
struct MetricDatum {
  std::string_view metric_namespace{};  // "AWS/States"
  std::string_view name{};
  std::string_view unit{};
  std::vector<std::pair<std::string_view, std::string>> dimensions{};
  double value{};
};

// Data of one metric, all of the same batch.
struct MetricSum {
  MetricDatum datum{};  // The first of them.
  double count{};
  double sum{};
  double min{};
  double max{};
};

// Keys of rows begin with the service's name and '/': "sns/ap-northeast-1/topic/NAME". A service
// reads and writes its own rows only; what others own it asks for through call().
class Context {
 public:
  virtual ~Context() = default;

  virtual Timestamp now() const = 0;
  // Ids and jitter: what callers may see.
  virtual Random& random() = 0;
  // Keys, passwords, tokens: what callers must not guess. random() tells nothing about it.
  virtual SecretRandom& secrets() = 0;
  virtual const Caller& caller() const = 0;
  // Base URL at which clients reach this server, without a slash at the end: http://127.0.0.1:4566.
  virtual const std::string& endpoint() const = 0;

  // Rows, as this command's own writes left them. What a failed operation wrote is undone.
  virtual std::optional<std::string> get(std::string_view key) const = 0;
  virtual std::vector<store::Row> scan(std::string_view prefix, std::string_view after = {},
                                       std::size_t limit = SIZE_MAX) const = 0;
  virtual void put(std::string_view key, std::string value) = 0;
  virtual void erase(std::string_view key) = 0;

  // Another service's operation, in the same batch, authorised as `as`. A failure undoes what the
  // callee wrote and nothing else.
  virtual Result<json::object> call(std::string_view service, std::string_view operation,
                                    const json::object& input, const Caller& as) = 0;

  // At `at` (or as soon after as may be) the service's on_timer gets `payload`, once. Setting an id
  // again replaces it. Ids are the service's own, in all regions and accounts together.
  //
  // on_timer, and on_outcome of an effect, run with a caller whose account and region are those of
  // the caller that set the timer or performed the effect (the kernel keeps them in the row), whose
  // `arn` is the service's principal and whose access key is empty. Payloads need not repeat them.
  virtual void set_timer(std::string_view service, std::string_view id, Timestamp at,
                         json::object payload) = 0;
  virtual void cancel_timer(std::string_view service, std::string_view id) = 0;
  virtual void perform(Effect effect) = 0;
  // Offered to all services after this operation, in the same batch.
  virtual void publish(Event event) = 0;
  // Whether another service would look at an event of that source now. When none would, the event's
  // detail may be reduced to what the publisher's own on_event reads.
  virtual bool heard(std::string_view source) = 0;
  // Adds to a metric, in the caller's account and region. The service that keeps metrics gets the
  // sums of a batch at its end, or earlier when one of its operations runs: it never shows less
  // than was counted. What a failed operation counted is undone.
  virtual void count(MetricDatum datum) = 0;

  // Long polls. `defer` drops what this attempt wrote and runs the operation again when somebody
  // notifies `channel`, at the latest at `until`, when last_attempt() is true and defer must not be
  // called. The value returned along with it is ignored. Only operations that came over the wire.
  virtual void defer(std::string_view channel, Timestamp until) = 0;
  virtual bool last_attempt() const = 0;
  // What this command wrote stays, and its reply is that of `operation` of the same service, which
  // runs right after it and may defer. Only operations that came over the wire and are not the last
  // attempt.
  virtual void reply_with(std::string_view operation, json::object input) = 0;
  virtual void notify(std::string_view channel) = 0;

  // Bulk bytes by the SHA-256 of their content, lower-case hex. Over the wire a member that the
  // model marks as streaming arrives and leaves as {"Digest": hex, "Size": n}.
  virtual Result<std::string> read_blob(std::string_view digest) const = 0;
  virtual std::string put_blob(std::string_view bytes) = 0;

  // Asks the authoriser, as the caller of this command. Records caller, action ("ecs:RunTask") and
  // resource ARN; Error AccessDenied… once policies are evaluated.
  Result<void> authorise(std::string_view action, std::string_view resource) {
    return decide({.action = std::string(action), .resource = std::string(resource)});
  }
  virtual Result<void> decide(const AccessRequest& request) = 0;
  // A caller that is a session of `role_arn`, assumed by the service `principal`
  // (states.amazonaws.com). Under --auth sigv4 the role must exist and trust it: Error
  // AccessDenied.
  Result<Caller> assume_role(std::string_view role_arn, std::string_view principal,
                             std::string_view session_name) {
    return assume({.role_arn = std::string(role_arn),
                   .principal = std::string(principal),
                   .session_name = std::string(session_name)});
  }
  virtual Result<Caller> assume(const RoleRequest& request) = 0;
  // Records of the authoriser's decisions about a principal, the ARN of a role or user: denials,
  // and what was allowed since the server started, as far as both are kept. Oldest first.
  virtual std::vector<json::object> decisions_about(std::string_view principal) const = 0;
};

class Service {
 public:
  virtual ~Service() = default;
  // The folder's name, which is what call() and Effect::service use: "states", "cloudwatch".
  virtual std::string_view name() const = 0;
  // `input` was decoded and checked against the model (api/), members named as AWS names them;
  // timestamps are seconds as a double, blobs base64, absent members absent. So is the reply.
  // An operation without an implementation: Error "UnknownOperationException".
  virtual Result<json::object> call(Context& context, std::string_view operation,
                                    const json::object& input) = 0;
  virtual void on_timer(Context&, const json::object& /*payload*/) {}
  virtual void on_outcome(Context&, std::string_view /*kind*/, const json::object& /*payload*/,
                          const Outcome&) {}
  // The sources of the events that on_event is called with: {"aws.ecs"}; {"*"} is every source.
  virtual std::vector<std::string_view> event_sources() const { return {}; }
  virtual void on_event(Context&, const Event&) {}
  // False when on_event would do nothing now with any event of that source.
  virtual bool hears(Context&, std::string_view /*source*/) { return true; }
  // Of the one service that keeps metrics: on_metric is called with what Context::count got.
  virtual bool keeps_metrics() const { return false; }
  virtual void on_metric(Context&, const MetricSum&) {}
  // Of the one service that keeps roles and their policies (IAM): those of the role called `name`,
  // or of the user that "user/NAME" names; nullopt: there is no such identity. The kernel keeps the
  // result until this service writes a row.
  virtual bool keeps_policies() const { return false; }
  virtual std::optional<RolePolicies> policies_of(const Context&, std::string_view /*name*/) {
    return std::nullopt;
  }
  // What the authoriser needs to know about a resource of this service, named in a request by
  // `arn`. A resource that does not exist has its `arn` alone.
  virtual ResourceAccess describe_resource(const Context&, std::string_view arn) {
    return {.arn = std::string(arn)};
  }
  // Once after a restart, before anything else, to fill caches from rows.
  virtual void on_start(Context&) {}
};

// A stored row that can't be read: only a fault of kiban or of the disk makes one. Thrown where the
// row is read, caught by the kernel alone: the operation is undone and answered InternalFailure,
// and the log names the row.
class DamagedRow : public std::runtime_error {
 public:
  DamagedRow(std::string_view key, std::string_view problem);
};
// What a row holds, or DamagedRow.
json::object object_of(std::string_view key, std::string_view row);
json::array array_of(std::string_view key, std::string_view row);

// Rows that hold one JSON object.
std::optional<json::object> get_json(const Context& context, std::string_view key);
void put_json(Context& context, std::string_view key, const json::object& value);
// Those whose key begins with `prefix`, in the order of their keys.
std::vector<json::object> list_json(const Context& context, std::string_view prefix);

// One page of `all` for list operations: `limit` entries from the opaque `token` on, and the token
// of the next page when there is one.
struct Page {
  json::array entries{};
  std::optional<std::string> next_token{};
};
Result<Page> paginate(const json::array& all, std::size_t limit, const json::string* token);

// "arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE" in the caller's region and account.
std::string make_arn(const Context& context, std::string_view service, std::string_view resource);

}  // namespace kiban::services
