#include <fmt/format.h>

#include <algorithm>

#include "services/sqs/operations.h"

namespace kiban::services::sqs {
namespace {

// Rows sqs/REGION/move/QUEUE/NUMBER, the newest last; QUEUE is the source.
constexpr std::int64_t rate_max = 500;  // Messages in a second.
constexpr std::size_t tasks_max = 10;   // Of a queue, that are shown.
constexpr std::chrono::seconds step{1};

std::string move_prefix(const Context& context, std::string_view queue) {
  return fmt::format("sqs/{}/move/{}/", context.caller().region, queue);
}

bool is_dead_letter_queue(const Context& context, std::string_view arn) {
  return std::ranges::any_of(all_queues(context), [&](const Queue& queue) {
    const auto redrive = redrive_of(queue.attributes);
    return redrive && redrive->target == arn;
  });
}

std::optional<store::Row> newest(const Context& context, std::string_view queue) {
  auto rows = context.scan(move_prefix(context, queue));
  if (rows.empty()) return std::nullopt;
  return std::move(rows.back());
}

Result<json::object> start_move(Context& context, const json::object& input) {
  const std::string source_arn = text(input, "SourceArn");
  const std::int64_t rate = number(input, "MaxNumberOfMessagesPerSecond", rate_max);
  if (rate < 1 || rate > rate_max)
    return fail("InvalidParameterValue",
                fmt::format("Value {} for parameter MaxNumberOfMessagesPerSecond is invalid. "
                            "Reason: Must be between 1 and 500, if provided.",
                            rate));
  KIBAN_TRY(const Queue source, queue_by_arn(context, source_arn, "SourceArn"));
  if (!is_dead_letter_queue(context, source_arn))
    return fail("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.");
  if (input.contains("DestinationArn")) {
    KIBAN_TRY(const Queue target,
              queue_by_arn(context, text(input, "DestinationArn"), "DestinationArn"));
    if (target.name == source.name || target.is_fifo() != source.is_fifo())
      return fail("InvalidParameterValue",
                  "The destination must be another queue of the same type as the source.");
  }
  const auto last = newest(context, source.name);
  const json::object before = last ? object_of(last->key, last->value) : json::object{};
  if (text(before, "Status") == "RUNNING")
    return fail("UnsupportedOperation",
                "There is already a task running. Only one active task is allowed for a source "
                "queue arn at a given time.");
  const std::string handle = context.random().uuid();
  json::object task{{"TaskHandle", handle},
                    {"Status", "RUNNING"},
                    {"SourceArn", source_arn},
                    {"Number", number(before, "Number", 0) + 1},
                    {"Moved", 0},
                    {"ToMove", list_messages(context, source.name, SIZE_MAX).size()},
                    {"Rate", rate},
                    {"Started", context.now().time_since_epoch().count()}};
  for (const char* member : {"DestinationArn", "MaxNumberOfMessagesPerSecond"})
    if (input.contains(member)) task[member] = input.at(member);
  const std::string prefix = move_prefix(context, source.name);
  const std::string key = fmt::format("{}{:010}", prefix, number(task, "Number", 0));
  put_json(context, key, task);
  const auto rows = context.scan(prefix);
  for (std::size_t i = 0; i + tasks_max < rows.size(); ++i) context.erase(rows[i].key);
  context.set_timer("sqs", key, context.now(), {{"Move", key}});
  return json::object{{"TaskHandle", handle}};
}

json::object shown(const json::object& task) {
  json::object out{{"Status", task.at("Status")},
                   {"SourceArn", task.at("SourceArn")},
                   {"ApproximateNumberOfMessagesMoved", task.at("Moved")},
                   {"ApproximateNumberOfMessagesToMove", task.at("ToMove")},
                   {"StartedTimestamp", task.at("Started")}};
  for (const char* member : {"DestinationArn", "MaxNumberOfMessagesPerSecond", "FailureReason"})
    if (task.contains(member)) out[member] = task.at(member);
  if (text(task, "Status") == "RUNNING") out["TaskHandle"] = task.at("TaskHandle");
  return out;
}

Result<json::object> list_moves(Context& context, const json::object& input) {
  const std::int64_t most = number(input, "MaxResults", 1);
  if (most < 1 || most > static_cast<std::int64_t>(tasks_max))
    return fail("InvalidParameterValue",
                fmt::format("Value {} for parameter MaxResults is invalid. Reason: Must be between "
                            "1 and 10, if provided.",
                            most));
  KIBAN_TRY(const Queue source, queue_by_arn(context, text(input, "SourceArn"), "SourceArn"));
  const auto rows = context.scan(move_prefix(context, source.name));
  json::array results;
  for (auto row = rows.rbegin(); row != rows.rend() && std::ssize(results) < most; ++row)
    results.push_back(shown(object_of(row->key, row->value)));
  return results.empty() ? json::object{} : json::object{{"Results", std::move(results)}};
}

Result<json::object> cancel_move(Context& context, const json::object& input) {
  const std::string prefix = fmt::format("sqs/{}/move/", context.caller().region);
  for (const store::Row& row : context.scan(prefix)) {
    json::object task = object_of(row.key, row.value);
    if (task.at("TaskHandle") != input.at("TaskHandle")) continue;
    if (text(task, "Status") != "RUNNING")
      return fail("UnsupportedOperation", "Only active tasks can be cancelled");
    task["Status"] = "CANCELLED";
    put_json(context, row.key, task);
    context.cancel_timer("sqs", row.key);
    return json::object{{"ApproximateNumberOfMessagesMoved", task.at("Moved")}};
  }
  return fail("ResourceNotFoundException", "Task does not exist.");
}

// Where one message of the task goes.
Result<Queue> target_of(const Context& context, const json::object& task, const Message& message) {
  const std::string arn =
      text(task, "DestinationArn", text(message.body, "DeadLetterQueueSourceArn"));
  if (arn.empty())
    return fail("CouldNotDetermineMessageSource", "the message did not come from another queue");
  auto target = queue_by_arn(context, arn, "DestinationArn");
  if (!target) return fail("AWS.SimpleQueueService.NonExistentQueue", target.error().cause);
  return target;
}

// It is a new message there.
void move_one(Context& context, const Queue& target, const Message& message) {
  Message moved = message;
  erase_message(context, message);
  moved.body["MessageId"] = context.random().uuid();
  moved.body["Sent"] = epoch_seconds(context.now());
  moved.body["Receives"] = 0;
  moved.body.erase("FirstReceived");
  moved.body.erase("DeadLetterQueueSourceArn");
  transfer(context, target, std::move(moved));
}

}  // namespace

void go_on_moving(Context& context, const std::string& key) {
  auto row = get_json(context, key);
  if (!row || text(*row, "Status") != "RUNNING") return;
  json::object& task = *row;
  const auto source = queue_by_arn(context, text(task, "SourceArn"), "SourceArn");
  if (!source) return context.erase(key);
  const std::int64_t rate = number(task, "Rate", rate_max);
  std::int64_t moved = 0;
  const auto waiting = list_messages(context, source->name, static_cast<std::size_t>(rate) + 1);
  for (const Message& message : waiting) {
    if (moved == rate || message.visible_at > context.now()) break;
    const auto target = target_of(context, task, message);
    if (!target) {
      task["Status"] = "FAILED";
      task["FailureReason"] = target.error().name;
      break;
    }
    move_one(context, *target, message);
    ++moved;
  }
  task["Moved"] = number(task, "Moved", 0) + moved;
  const bool more = moved == rate && std::ssize(waiting) > moved;
  if (text(task, "Status") == "RUNNING" && !more) task["Status"] = "COMPLETED";
  put_json(context, key, task);
  if (text(task, "Status") == "RUNNING")
    context.set_timer("sqs", key, context.now() + step, {{"Move", key}});
}

void erase_moves(Context& context, std::string_view queue) {
  for (const store::Row& row : context.scan(move_prefix(context, queue))) {
    context.cancel_timer("sqs", row.key);
    context.erase(row.key);
  }
}

OperationTable move_operations() {
  return {{"CancelMessageMoveTask", cancel_move},
          {"ListMessageMoveTasks", list_moves},
          {"StartMessageMoveTask", start_move}};
}

}  // namespace kiban::services::sqs
