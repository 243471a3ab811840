#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/base/pages.h"
#include "services/base/tags.h"
#include "services/sqs/operations.h"

namespace kiban::services::sqs {
namespace {

using std::chrono::seconds;

// "You must wait 60 seconds after deleting a queue before you can create another with the same
// name", "Only one PurgeQueue operation … every 60 seconds".
constexpr seconds deletion_time{60};
constexpr seconds purge_time{60};
constexpr std::size_t permission_actions_max = 7;

const std::set<std::string_view> computed_attributes = {"ApproximateNumberOfMessages",
                                                        "ApproximateNumberOfMessagesNotVisible",
                                                        "ApproximateNumberOfMessagesDelayed",
                                                        "CreatedTimestamp",
                                                        "LastModifiedTimestamp",
                                                        "QueueArn"};
const std::set<std::string_view> settable_attributes = {"Policy",
                                                        "RedrivePolicy",
                                                        "RedriveAllowPolicy",
                                                        "KmsMasterKeyId",
                                                        "KmsDataKeyReusePeriodSeconds",
                                                        "FifoQueue",
                                                        "ContentBasedDeduplication",
                                                        "DeduplicationScope",
                                                        "FifoThroughputLimit"};

Result<void> check_tags(std::string_view queue, const json::object& tags) {
  if (!too_many_tags(tags)) return {};
  return fail("InvalidParameterValue", fmt::format("Too many tags added for queue {}.", queue));
}

std::string deleted_key(const Context& context, std::string_view name) {
  return fmt::format("sqs/{}/deleted/{}", context.caller().region, name);
}

Result<void> check_name(const Queue& queue, const json::object& attributes) {
  const bool fifo = attributes.contains("FifoQueue");
  if (fifo && text(attributes, "FifoQueue") == "true" && !queue.is_fifo())
    return fail("InvalidParameterValue",
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
                "underscores, must end with .fifo suffix and be 1 to 80 in length.");
  if (queue.is_fifo() && !fifo)
    return fail("InvalidParameterValue",
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in "
                "length");
  return {};
}

// The URL of a queue that is there already, if it is as the request wants it.
Result<json::object> same_queue(const Context& context, const Queue& existing,
                                const json::object& given) {
  const json::object held = effective(existing);
  for (const auto& member : given) {
    const json::value* old = held.if_contains(member.key());
    if (!old ? member.value() != "" : *old != member.value())
      return fail("QueueNameExists", fmt::format("A queue already exists with the same name and "
                                                 "a different value for attribute {}",
                                                 std::string_view(member.key())));
  }
  return json::object{{"QueueUrl", queue_url(context, existing.name)}};
}

Result<json::object> create_queue(Context& context, const json::object& input) {
  const json::object* given = find_object(input, "Attributes");
  const json::object attributes = given ? *given : json::object{};
  Queue queue{.name = text(input, "QueueName"),
              .created = epoch_seconds(context.now()),
              .modified = epoch_seconds(context.now())};
  KIBAN_TRY_VOID(check_name(queue, attributes));
  KIBAN_TRY_VOID(check_attributes(context, queue, attributes, true));
  if (const auto existing = load(context, queue.name))
    return same_queue(context, *existing, attributes);
  if (const json::object* tags = find_object(input, "tags")) {
    KIBAN_TRY_VOID(check_tags(queue.name, *tags));
    queue.tags = *tags;
  }
  if (const auto deleted = get_json(context, deleted_key(context, queue.name));
      deleted &&
      context.now() < from_epoch_seconds(deleted->at("At").to_number<double>()) + deletion_time)
    return fail("QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another "
                "with the same name.");
  for (const auto& member : attributes)
    if (member.value() != "") queue.attributes[member.key()] = member.value();
  save(context, queue);
  return json::object{{"QueueUrl", queue_url(context, queue.name)}};
}

Result<json::object> get_queue_url(Context& context, const json::object& input) {
  const std::string owner = text(input, "QueueOwnerAWSAccountId", context.caller().account);
  if (owner != context.caller().account)
    return fail("QueueDoesNotExist", "The specified queue does not exist.");
  KIBAN_TRY(const Queue queue, load(context, text(input, "QueueName")));
  return json::object{{"QueueUrl", queue_url(context, queue.name)}};
}

Result<json::object> page_of_urls(const Context& context, std::string_view prefix,
                                  std::string_view member, const json::object& input,
                                  const EntryOf& entry) {
  const std::int64_t most = number(input, "MaxResults", 1000);
  if (most < 1 || most > 1000)
    return fail("InvalidParameterValue",
                fmt::format("Value {} for parameter MaxResults is invalid. Reason: MaxResults must "
                            "be an integer between 1 and 1000.",
                            most));
  if (input.contains("NextToken") && !input.contains("MaxResults"))
    return fail("InvalidParameterValue",
                "Value for parameter NextToken is invalid. Reason: MaxResults is a mandatory "
                "parameter when you provide a value for NextToken.");
  auto page = page_of_rows(context, prefix, static_cast<std::size_t>(most),
                           find_string(input, "NextToken"), entry);
  if (!page) return fail("InvalidParameterValue", "Invalid or expired next token.");
  json::object reply;
  if (!page->entries.empty() || member == "queueUrls") reply[member] = std::move(page->entries);
  if (page->next_token && input.contains("MaxResults")) reply["NextToken"] = *page->next_token;
  return reply;
}

Result<json::object> list_queues(Context& context, const json::object& input) {
  const std::string base = queue_key(context, "");
  return page_of_urls(context, base + text(input, "QueueNamePrefix"), "QueueUrls", input,
                      [&](const store::Row& row) -> std::optional<json::value> {
                        return json::value(queue_url(context, row.key.substr(base.size())));
                      });
}

Result<json::object> list_sources(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue dead, queue_of(context, input));
  const std::string arn = make_arn(context, "sqs", dead.name);
  const std::string base = queue_key(context, "");
  return page_of_urls(context, base, "queueUrls", input,
                      [&](const store::Row& row) -> std::optional<json::value> {
                        const auto queue = load(context, row.key.substr(base.size()));
                        const auto redrive = queue ? redrive_of(queue->attributes) : std::nullopt;
                        if (!redrive || redrive->target != arn) return std::nullopt;
                        return json::value(queue_url(context, queue->name));
                      });
}

void erase_messages(Context& context, std::string_view queue) {
  for (const Message& message : list_messages(context, queue, SIZE_MAX))
    erase_message(context, message);
}

// Rows that a queue's operations left beside its messages.
void erase_rows(Context& context, std::string_view queue) {
  for (const char* kind : {"sent", "attempt"}) {
    const std::string prefix = fmt::format("sqs/{}/{}/{}/", context.caller().region, kind, queue);
    for (const store::Row& row : context.scan(prefix)) {
      context.cancel_timer("sqs", row.key);
      context.erase(row.key);
    }
  }
  for (const char* kind : {"sequence", "flight"})
    context.erase(fmt::format("sqs/{}/{}/{}", context.caller().region, kind, queue));
  erase_moves(context, queue);
}

Result<json::object> delete_queue(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  erase_messages(context, queue.name);
  erase_rows(context, queue.name);
  context.erase(queue_key(context, queue.name));
  // CloudFormation's deletion takes that minute on AWS; here it does not wait.
  if (queue.tags.contains("aws:cloudformation:stack-id")) return json::object{};
  const std::string key = deleted_key(context, queue.name);
  put_json(context, key, {{"At", epoch_seconds(context.now())}});
  context.set_timer("sqs", key, context.now() + deletion_time, {{"Forget", key}});
  return json::object{};
}

Result<json::object> purge_queue(Context& context, const json::object& input) {
  KIBAN_TRY(Queue queue, queue_of(context, input));
  if (queue.purged > 0 && context.now() < from_epoch_seconds(queue.purged) + purge_time)
    return fail("PurgeQueueInProgress",
                fmt::format("Only one PurgeQueue operation on {} is allowed every 60 seconds.",
                            queue.name));
  erase_messages(context, queue.name);
  queue.purged = epoch_seconds(context.now());
  save(context, queue);
  return json::object{};
}

json::object computed(const Context& context, const Queue& queue) {
  const seconds retention{queue.number_of("MessageRetentionPeriod")};
  std::int64_t visible = 0;
  std::int64_t in_flight = 0;
  std::int64_t delayed = 0;
  for (const Message& message : list_messages(context, queue.name, SIZE_MAX)) {
    const Timestamp sent = from_epoch_seconds(message.body.at("Sent").to_number<double>());
    if (context.now() - sent >= retention) continue;
    const bool received = message.body.contains("Receipt");
    ++(message.visible_at <= context.now() ? visible : received ? in_flight : delayed);
  }
  const auto whole = [](double time) { return std::to_string(static_cast<std::int64_t>(time)); };
  return {{"ApproximateNumberOfMessages", std::to_string(visible)},
          {"ApproximateNumberOfMessagesNotVisible", std::to_string(in_flight)},
          {"ApproximateNumberOfMessagesDelayed", std::to_string(delayed)},
          {"CreatedTimestamp", whole(queue.created)},
          {"LastModifiedTimestamp", whole(queue.modified)},
          {"QueueArn", make_arn(context, "sqs", queue.name)}};
}

Result<json::object> get_queue_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  json::object all = effective(queue);
  const json::array* names = find_array(input, "AttributeNames");
  const json::array wanted_names = names ? *names : json::array{};
  for (const json::value& each : wanted_names) {
    const std::string_view name = each.as_string();
    if (name != "All" && !computed_attributes.contains(name) && !all.contains(name) &&
        !settable_attributes.contains(name))
      return fail("InvalidAttributeName", fmt::format("Unknown Attribute {}.", name));
  }
  if (wanted_names.empty()) return json::object{};
  for (const auto& member : computed(context, queue)) all[member.key()] = member.value();
  json::object wanted;
  for (const json::value& name : wanted_names) {
    if (name == "All") return json::object{{"Attributes", all}};
    const json::value* value = all.if_contains(name.as_string());
    if (value) wanted[name.as_string()] = *value;
  }
  return wanted.empty() ? json::object{} : json::object{{"Attributes", wanted}};
}

Result<json::object> set_queue_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(Queue queue, queue_of(context, input));
  const json::object* attributes = find_object(input, "Attributes");
  if (!attributes || attributes->empty())
    return fail("MissingParameter", "The request must contain the parameter Attribute.Name.");
  KIBAN_TRY_VOID(check_attributes(context, queue, *attributes, false));
  for (const auto& member : *attributes) {
    if (member.value() == "")
      queue.attributes.erase(member.key());
    else
      queue.attributes[member.key()] = member.value();
  }
  // One kind of encryption replaces the other.
  if (text(*attributes, "SqsManagedSseEnabled") == "true") queue.attributes.erase("KmsMasterKeyId");
  if (!text(*attributes, "KmsMasterKeyId").empty()) queue.attributes.erase("SqsManagedSseEnabled");
  queue.modified = epoch_seconds(context.now());
  save(context, queue);
  announce(context, queue.name);
  return json::object{};
}

// Permissions: statements of the policy --------------------------------------------------------

json::object policy_of(const Context& context, const Queue& queue) {
  const auto held = parse_json(queue.attribute("Policy"));
  if (held && held->is_object()) return held->get_object();
  return {{"Version", "2012-10-17"},
          {"Id", make_arn(context, "sqs", queue.name) + "/SQSDefaultPolicy"},
          {"Statement", json::array{}}};
}

json::array statements_of(const json::object& policy) {
  const json::array* held = find_array(policy, "Statement");
  return held ? *held : json::array{};
}

bool has_label(const json::value& statement, const json::value& label) {
  const json::object* fields = statement.if_object();
  const json::value* sid = fields ? fields->if_contains("Sid") : nullptr;
  return sid != nullptr && *sid == label;
}

Result<json::object> add_permission(Context& context, const json::object& input) {
  KIBAN_TRY(Queue queue, queue_of(context, input));
  json::object policy = policy_of(context, queue);
  json::array statements = statements_of(policy);
  const json::value& label = input.at("Label");
  if (std::ranges::any_of(statements, [&](const auto& each) { return has_label(each, label); }))
    return fail("InvalidParameterValue",
                fmt::format("Value {} for parameter Label is invalid. Reason: Already exists.",
                            std::string_view(label.as_string())));
  const json::array& names = input.at("Actions").as_array();
  if (names.size() > permission_actions_max)
    return fail("OverLimit", fmt::format("{} Actions were found, maximum allowed is {}.",
                                         names.size(), permission_actions_max));
  json::array actions;
  for (const json::value& name : names)
    actions.emplace_back(fmt::format("SQS:{}", std::string_view(name.as_string())));
  json::array principals;
  for (const json::value& account : input.at("AWSAccountIds").as_array())
    principals.emplace_back(
        fmt::format("arn:aws:iam::{}:root", std::string_view(account.as_string())));
  statements.push_back(json::object{{"Sid", label},
                                    {"Effect", "Allow"},
                                    {"Principal", {{"AWS", std::move(principals)}}},
                                    {"Action", std::move(actions)},
                                    {"Resource", make_arn(context, "sqs", queue.name)}});
  policy["Statement"] = std::move(statements);
  queue.attributes["Policy"] = print_json(policy);
  save(context, queue);
  return json::object{};
}

Result<json::object> remove_permission(Context& context, const json::object& input) {
  KIBAN_TRY(Queue queue, queue_of(context, input));
  json::object policy = policy_of(context, queue);
  const json::array before = statements_of(policy);
  json::array kept;
  for (const json::value& each : before)
    if (!has_label(each, input.at("Label"))) kept.push_back(each);
  if (kept.size() == before.size())
    return fail("InvalidParameterValue",
                fmt::format("Value {} for parameter Label is invalid. Reason: can't find label on "
                            "existing policy.",
                            text(input, "Label")));
  policy["Statement"] = std::move(kept);
  queue.attributes["Policy"] = print_json(policy);
  save(context, queue);
  return json::object{};
}

// Tags -------------------------------------------------------------------------------------------

Result<json::object> tag_queue(Context& context, const json::object& input) {
  KIBAN_TRY(Queue queue, queue_of(context, input));
  const json::object* tags = find_object(input, "Tags");
  if (!tags || tags->empty())
    return fail("MissingParameter", "The request must contain the parameter Tags.");
  for (const auto& member : *tags) queue.tags[member.key()] = member.value();
  KIBAN_TRY_VOID(check_tags(queue.name, queue.tags));
  save(context, queue);
  return json::object{};
}

Result<json::object> untag_queue(Context& context, const json::object& input) {
  KIBAN_TRY(Queue queue, queue_of(context, input));
  if (const json::array* keys = find_array(input, "TagKeys")) {
    for (const json::value& key : *keys) queue.tags.erase(key.as_string());
  }
  save(context, queue);
  return json::object{};
}

Result<json::object> list_queue_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  return queue.tags.empty() ? json::object{} : json::object{{"Tags", queue.tags}};
}

}  // namespace

OperationTable queue_operations() {
  return {{"AddPermission", add_permission},
          {"CreateQueue", create_queue},
          {"DeleteQueue", delete_queue},
          {"GetQueueAttributes", get_queue_attributes},
          {"GetQueueUrl", get_queue_url},
          {"ListDeadLetterSourceQueues", list_sources},
          {"ListQueueTags", list_queue_tags},
          {"ListQueues", list_queues},
          {"PurgeQueue", purge_queue},
          {"RemovePermission", remove_permission},
          {"SetQueueAttributes", set_queue_attributes},
          {"TagQueue", tag_queue},
          {"UntagQueue", untag_queue}};
}

}  // namespace kiban::services::sqs
