#include "services/lambda/batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "core/arn.h"
#include "patterns/pattern.h"
#include "services/lambda/concurrency.h"
#include "services/lambda/credentials.h"
#include "services/lambda/invocations.h"
#include "services/lambda/mappings.h"
#include "services/lambda/names.h"

namespace kiban::services::lambda {
namespace {

// Batches at once without MaximumConcurrency. AWS begins with five and adds more by the minute; how
// many run here is bounded by the machine.
constexpr std::int64_t batches_default = 5;
constexpr std::int64_t receive_max = 10;
constexpr std::size_t delete_max = 10;
// Batches that one timer begins; the next goes on.
constexpr int batches_per_poll = 20;
// When SQS refuses: ours.
constexpr Duration refused_delay = std::chrono::seconds{10};
// Of records in one event, so that the event stays below an invocation's 6 MiB.
constexpr std::size_t records_bytes_max = 5'000'000;

std::string url_of(const Context& context, const json::object& shown) {
  const auto arn = parse_arn(text(shown, "EventSourceArn"));
  return arn ? fmt::format("{}/{}/{}", context.endpoint(), arn->account, arn->resource) : "";
}

void poll_at(Context& context, const std::string& uuid, Timestamp at) {
  context.set_timer("lambda", fmt::format("poll/{}", uuid), at, {{"Kind", "poll"}, {"UUID", uuid}});
}

// A message as filters see it: a body that is JSON is matched as JSON.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
bool passes(const std::vector<patterns::Pattern>& filters, const json::object& record) {
  if (filters.empty()) return true;
  json::object seen = record;
  auto body = parse_json(text(record, "body"));
  if (body && body->is_object()) seen["body"] = *std::move(body);
  const json::value event(std::move(seen));
  return std::ranges::any_of(filters, [&](const auto& filter) { return filter.matches(event); });
}

std::vector<patterns::Pattern> filters_of(const json::object& shown) {
  std::vector<patterns::Pattern> out;
  const json::object* criteria = find_object(shown, "FilterCriteria");
  const json::array* filters = criteria ? find_array(*criteria, "Filters") : nullptr;
  for (const json::value& filter : filters ? *filters : json::array{})
    if (auto pattern = patterns::Pattern::parse(text(filter.as_object(), "Pattern")))
      out.push_back(*std::move(pattern));
  return out;
}

// [{Id, ReceiptHandle}] out of the queue; what can't be deleted comes again.
void delete_messages(Context& context, const json::object& shown, const json::array& messages,
                     const Caller& as) {
  for (std::size_t i = 0; i < messages.size(); i += delete_max) {
    json::array entries;
    for (std::size_t j = i; j < std::min(messages.size(), i + delete_max); ++j)
      entries.push_back(
          {{"Id", std::to_string(j)}, {"ReceiptHandle", messages[j].at("ReceiptHandle")}});
    (void)context.call("sqs", "DeleteMessageBatch",
                       {{"QueueUrl", url_of(context, shown)}, {"Entries", std::move(entries)}}, as);
  }
}

// One poll of one mapping.
class Poller {
 public:
  Poller(Context& context, std::string uuid, json::object row, Caller as)
      : context_(context),
        uuid_(std::move(uuid)),
        row_(std::move(row)),
        as_(std::move(as)),
        filters_(filters_of(shown())) {}

  void run() {
    for (int i = 0; i < batches_per_poll; ++i) {
      if (!may_begin()) break;
      receive();
      if (pending().empty() || waits_for_window()) break;
      if (!begin_batch()) break;
      if (i + 1 == batches_per_poll) poll_soon(context_, uuid_);
    }
    put_json(context_, mapping_key(context_, uuid_), row_);
  }

 private:
  const json::object& shown() const { return row_.at("Shown").as_object(); }
  json::array& pending() { return row_["Pending"].as_array(); }
  FunctionName function() const {
    return {.name = text(row_, "Function"), .qualifier = text(row_, "Qualifier")};
  }

  bool may_begin() {
    const json::object* scaling = find_object(shown(), "ScalingConfig");
    const std::int64_t most =
        scaling ? number(*scaling, "MaximumConcurrency", batches_default) : batches_default;
    if (number(row_, "Running") >= most) return false;  // The end of a batch polls again.
    const auto owner = load_function(context_, function());
    if (!owner) return false;
    if (room_of(context_, *owner) > 0) return true;
    context_.put(starved_prefix(context_, text(row_, "Function")) + uuid_, uuid_);
    return false;
  }

  // Until the batch is full, or nothing is visible.
  void receive() {
    std::int64_t missing = number(shown(), "BatchSize") - std::ssize(pending());
    std::size_t bytes = print_json(pending()).size();
    while (missing > 0 && bytes < records_bytes_max) {
      const auto reply = context_.call("sqs", "ReceiveMessage",
                                       {{"QueueUrl", url_of(context_, shown())},
                                        {"MaxNumberOfMessages", std::min(missing, receive_max)},
                                        {"WaitTimeSeconds", 0},
                                        {"AttributeNames", {"All"}},
                                        {"MessageAttributeNames", {"All"}},
                                        {"kiban:NextVisible", true}},
                                       as_);
      if (!reply) return refused(reply.error());
      const json::array* messages = find_array(*reply, "Messages");
      if (!messages) return come_again(*reply);
      json::array dropped;
      for (const json::value& message : *messages) {
        json::object record =
            record_of(context_, message.as_object(), text(shown(), "EventSourceArn"));
        if (!passes(filters_, record)) {
          dropped.push_back({{"ReceiptHandle", record.at("receiptHandle")}});
          continue;
        }
        if (pending().empty()) row_["Since"] = context_.now().time_since_epoch().count();
        bytes += print_json(record).size();
        pending().emplace_back(std::move(record));
        --missing;
      }
      delete_messages(context_, shown(), dropped, as_);
    }
  }

  void refused(const Error& error) {
    row_["Shown"].as_object()["LastProcessingResult"] =
        fmt::format("PROBLEM: {}: {}", error.name, error.cause);
    poll_at(context_, uuid_, context_.now() + refused_delay);
  }

  void come_again(const json::object& reply) {
    if (reply.contains("kiban:NextVisible"))
      poll_at(context_, uuid_, Timestamp{Duration{number(reply, "kiban:NextVisible")}});
  }

  bool waits_for_window() {
    const std::chrono::seconds window{number(shown(), "MaximumBatchingWindowInSeconds")};
    const Timestamp end = Timestamp{Duration{number(row_, "Since")}} + window;
    if (std::ssize(pending()) >= number(shown(), "BatchSize") || context_.now() >= end)
      return false;
    poll_at(context_, uuid_, end);
    return true;
  }

  bool begin_batch() {
    json::array messages;
    for (const json::value& record : pending())
      messages.push_back(
          {{"MessageId", record.at("messageId")}, {"ReceiptHandle", record.at("receiptHandle")}});
    const auto begun =
        begin(context_, {.id = context_.random().uuid(),
                         .function = function(),
                         .kind = "mapping",
                         .invoked_by = "sqs",
                         .payload = print_json(json::object{{"Records", pending()}}),
                         .more = {{"Mapping", uuid_}, {"Messages", std::move(messages)}}});
    pending().clear();  // When it could not begin they come again.
    if (!begun) return false;
    row_["Running"] = number(row_, "Running") + 1;
    return true;
  }

  Context& context_;
  std::string uuid_;
  json::object row_;
  Caller as_;
  std::vector<patterns::Pattern> filters_;
};

// The caller that reads the queue: the function's role.
Result<Caller> reader_of(Context& context, const json::object& mapping) {
  const FunctionName function{.name = text(mapping, "Function"),
                              .qualifier = text(mapping, "Qualifier")};
  KIBAN_TRY(const json::object version, load_version(context, function));
  return caller_of(context, function.name, text(version.at("Shown").as_object(), "Role"));
}

bool reports_items(const json::object& shown) {
  const json::array* types = find_array(shown, "FunctionResponseTypes");
  return types && std::ranges::find(*types, json::value("ReportBatchItemFailures")) != types->end();
}

// What the function has done with: to be deleted. nullopt: the batch failed.
std::optional<json::array> done_with(const json::object& shown, const json::array& messages,
                                     const json::object& outcome) {
  if (has_failed(outcome)) return std::nullopt;
  if (!reports_items(shown)) return messages;
  const auto failed = failed_items(text(outcome, "Payload"));
  if (!failed) return std::nullopt;
  json::array done;
  std::size_t known = 0;
  for (const json::value& message : messages) {
    if (std::ranges::find(*failed, text(message.as_object(), "MessageId")) == failed->end())
      done.push_back(message);
    else
      ++known;
  }
  // An identifier that names no message of the batch fails all of it.
  if (known < failed->size()) return std::nullopt;
  return done;
}

}  // namespace

void poll_soon(Context& context, const std::string& uuid) { poll_at(context, uuid, context.now()); }

std::string starved_prefix(const Context& context, std::string_view function) {
  return region_key(context, fmt::format("starved/{}/", function));
}

json::object record_of(const Context& context, const json::object& message,
                       std::string_view queue_arn) {
  json::object attributes;
  if (const json::object* given = find_object(message, "MessageAttributes")) {
    for (const auto& [name, value] : *given) {
      const json::object& of = value.as_object();
      json::object shown{{"stringListValues", json::array{}},
                         {"binaryListValues", json::array{}},
                         {"dataType", text(of, "DataType")}};
      if (of.contains("StringValue")) shown["stringValue"] = of.at("StringValue");
      if (of.contains("BinaryValue")) shown["binaryValue"] = of.at("BinaryValue");
      attributes[name] = std::move(shown);
    }
  }
  const json::object* system = find_object(message, "Attributes");
  return {{"messageId", message.at("MessageId")},
          {"receiptHandle", message.at("ReceiptHandle")},
          {"body", message.at("Body")},
          {"attributes", system ? *system : json::object{}},
          {"messageAttributes", std::move(attributes)},
          {"md5OfBody", message.at("MD5OfBody")},
          {"eventSource", "aws:sqs"},
          {"eventSourceARN", queue_arn},
          {"awsRegion", context.caller().region}};
}

std::optional<std::vector<std::string>> failed_items(const std::string& payload) {
  const auto report = parse_json(payload);
  if (!report) return std::nullopt;
  std::vector<std::string> failed;
  if (report->is_null()) return failed;
  if (!report->is_object()) return std::nullopt;
  const json::value* items = find(report->get_object(), "batchItemFailures");
  if (!items || items->is_null()) return failed;
  if (!items->is_array()) return std::nullopt;
  for (const json::value& item : items->get_array()) {
    if (!item.is_object()) return std::nullopt;
    std::string id = text(item.get_object(), "itemIdentifier");
    if (id.empty()) return std::nullopt;
    failed.push_back(std::move(id));
  }
  return failed;
}

void poll(Context& context, const std::string& uuid) {
  auto row = get_json(context, mapping_key(context, uuid));
  if (!row || text(row->at("Shown").as_object(), "State") != "Enabled") return;
  const auto as = reader_of(context, *row);
  if (as) return Poller(context, uuid, *std::move(row), *as).run();
  (*row)["Shown"].as_object()["LastProcessingResult"] =
      fmt::format("PROBLEM: {}", as.error().cause);
  put_json(context, mapping_key(context, uuid), *row);
}

void batch_ended(Context& context, const json::object& row, const json::object& outcome) {
  const std::string uuid = text(row, "Mapping");
  auto mapping = get_json(context, mapping_key(context, uuid));
  if (!mapping) return;
  json::object& shown = (*mapping)["Shown"].as_object();
  const auto done = done_with(shown, row.at("Messages").as_array(), outcome);
  (*mapping)["Running"] = std::max<std::int64_t>(0, number(*mapping, "Running") - 1);
  shown["LastProcessingResult"] = done ? "OK" : "PROBLEM: Function call failed";
  put_json(context, mapping_key(context, uuid), *mapping);
  const auto as = reader_of(context, *mapping);
  if (done && as) delete_messages(context, shown, *done, *as);
  poll_soon(context, uuid);
}

}  // namespace kiban::services::lambda
