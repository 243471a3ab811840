#include "services/sqs/queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/arn.h"
#include "services/base/key_use.h"

namespace kiban::services::sqs {
namespace {

const std::map<std::string_view, std::string_view> defaults = {
    {"VisibilityTimeout", "30"},
    {"MaximumMessageSize", "1048576"},
    {"MessageRetentionPeriod", "345600"},
    {"DelaySeconds", "0"},
    {"ReceiveMessageWaitTimeSeconds", "0"},
    {"SqsManagedSseEnabled", "true"},
};
const std::map<std::string_view, std::string_view> fifo_defaults = {
    {"FifoQueue", "true"},
    {"ContentBasedDeduplication", "false"},
    {"DeduplicationScope", "queue"},
    {"FifoThroughputLimit", "perQueue"},
};

bool is_account(std::string_view text) {
  return text.size() == 12 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool matches(std::string_view host, std::string_view pattern) {
  return pattern.starts_with("*.") ? host.ends_with(pattern.substr(1)) : host == pattern;
}

std::unexpected<Error> invalid_address(std::string_view url) {
  return fail("InvalidAddress", fmt::format("The address {} is not valid for this endpoint.", url));
}

// HOST[:PORT]/ACCOUNT/NAME of a URL, or nothing.
std::string_view behind_scheme(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (url.starts_with(scheme)) return url.substr(scheme.size());
  return {};
}

}  // namespace

std::string Queue::attribute(std::string_view name_of_attribute) const {
  if (const json::string* value = find_string(attributes, name_of_attribute))
    return to_string(*value);
  if (name_of_attribute == "SqsManagedSseEnabled" && attributes.contains("KmsMasterKeyId"))
    return "false";
  for (const auto* each : {&defaults, &fifo_defaults}) {
    const auto found = each->find(name_of_attribute);
    if (found != each->end() && (each == &defaults || is_fifo())) return std::string(found->second);
  }
  return {};
}

std::int64_t Queue::number_of(std::string_view name_of_attribute) const {
  return std::strtoll(attribute(name_of_attribute).c_str(), nullptr, 10);
}

json::object effective(const Queue& queue) {
  json::object all = queue.attributes;
  for (const auto& member : defaults) all[member.first] = queue.attribute(member.first);
  if (queue.is_fifo())
    for (const auto& member : fifo_defaults) all[member.first] = queue.attribute(member.first);
  if (queue.attributes.contains("KmsMasterKeyId"))
    all.emplace("KmsDataKeyReusePeriodSeconds", "300");
  return all;
}

std::string queue_key(const Context& context, std::string_view name) {
  return fmt::format("sqs/{}/queue/{}", context.caller().region, name);
}

std::string queue_url(const Context& context, std::string_view name) {
  return fmt::format("{}/{}/{}", context.endpoint(), context.caller().account, name);
}

std::string watch_key(const Context& context, std::string_view name) {
  return fmt::format("sqs/{}/watch/{}", context.caller().region, name);
}
std::string channel(const Context& context, std::string_view name) {
  return fmt::format("sqs/{}/{}", context.caller().region, name);
}

void announce(Context& context, std::string_view name) {
  context.notify(channel(context, name));
  const auto watcher = context.get(watch_key(context, name));
  if (!watcher) return;
  (void)context.call(*watcher, "kiban:MessagesArrived",
                     {{"QueueArn", make_arn(context, "sqs", name)}},
                     {.account = context.caller().account,
                      .region = context.caller().region,
                      .arn = "sqs.amazonaws.com"});
}

void save(Context& context, const Queue& queue) {
  put_json(context, queue_key(context, queue.name),
           {{"Attributes", queue.attributes},
            {"Tags", queue.tags},
            {"Created", queue.created},
            {"Modified", queue.modified},
            {"Purged", queue.purged}});
}

namespace {

Queue queue_from(std::string_view name, const json::object& row) {
  const auto time = [&](std::string_view key, double otherwise) {
    const json::value* found = find(row, key);
    return found ? found->to_number<double>() : otherwise;
  };
  const double created = time("Created", 0);
  return {.name = std::string(name),
          .attributes = row.at("Attributes").as_object(),
          .tags = row.at("Tags").as_object(),
          .created = created,
          .modified = time("Modified", created),
          .purged = time("Purged", 0)};
}

}  // namespace

Result<Queue> load(const Context& context, std::string_view name) {
  const auto row = get_json(context, queue_key(context, name));
  if (!row) return fail("QueueDoesNotExist", "The specified queue does not exist.");
  return queue_from(name, *row);
}

std::vector<Queue> all_queues(const Context& context) {
  std::vector<Queue> out;
  const std::string prefix = queue_key(context, "");
  for (const store::Row& row : context.scan(prefix))
    out.push_back(
        queue_from(std::string_view(row.key).substr(prefix.size()), object_of(row.key, row.value)));
  return out;
}

Result<Queue> queue_by_arn(const Context& context, std::string_view arn,
                           std::string_view parameter) {
  const auto parsed = parse_arn(arn);
  const bool ours = parsed && parsed->service == "sqs" &&
                    parsed->region == context.caller().region &&
                    parsed->account == context.caller().account;
  auto queue = ours ? load(context, parsed->resource) : Result<Queue>{fail("", "")};
  if (queue) return queue;
  return fail("ResourceNotFoundException",
              fmt::format("The resource that you specified for the {} parameter doesn't exist.",
                          parameter));
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
Result<void> use_queues_key(Context& context, const Queue& queue,
                            std::vector<std::string_view> actions) {
  const auto allowed = use_key(
      context, {.key = text(queue.attributes, "KmsMasterKeyId"),
                .service = "sqs",
                .actions = std::move(actions),
                .encryption_context = {{"aws:sqs:arn", make_arn(context, "sqs", queue.name)}}});
  if (allowed) return {};
  return fail("KmsAccessDenied", allowed.error().cause);
}

Result<Queue> queue_of(const Context& context, const json::object& input) {
  const std::string url = text(input, "QueueUrl");
  const std::string_view rest = behind_scheme(url);
  const std::size_t first = rest.find('/');
  const std::size_t second = first == rest.npos ? rest.npos : rest.find('/', first + 1);
  if (second == rest.npos) return invalid_address(url);
  const std::string_view account = rest.substr(first + 1, second - first - 1);
  const std::string_view name = rest.substr(second + 1);
  if (!is_account(account) || name.empty() || name.find('/') != name.npos)
    return invalid_address(url);
  // Nobody of another account has been given access to its queues here.
  if (account != context.caller().account)
    return fail("AccessDenied", fmt::format("Access to the resource {} is denied.", url));
  return load(context, name);
}

Result<void> check_queue_host(const Context& context, const std::vector<std::string>& hosts,
                              std::string_view url) {
  const std::string_view rest = behind_scheme(url);
  const std::string_view authority = rest.substr(0, std::min(rest.find('/'), rest.size()));
  if (authority.empty()) return invalid_address(url);
  if (context.endpoint().ends_with(std::string("//").append(authority))) return {};
  const bool literal = authority.starts_with('[');
  const std::string_view host =
      literal ? authority : authority.substr(0, std::min(authority.find(':'), authority.size()));
  const bool address =
      std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  constexpr std::array<std::string_view, 4> known = {"localhost", "*.localhost", "*.amazonaws.com",
                                                     "*.amazonaws.com.cn"};
  const auto is_host = [&](std::string_view pattern) { return matches(host, pattern); };
  if (!host.empty() && (literal || address || std::ranges::any_of(known, is_host) ||
                        std::ranges::any_of(hosts, is_host)))
    return {};
  return invalid_address(url);
}

std::optional<Redrive> redrive_of(const json::object& attributes) {
  const json::string* policy = find_string(attributes, "RedrivePolicy");
  const auto parsed = policy ? parse_json(*policy) : Result<json::value>{json::value{}};
  if (!parsed || !parsed->is_object()) return std::nullopt;
  const json::object& fields = parsed->get_object();
  const json::value* max = find(fields, "maxReceiveCount");
  return Redrive{.target = text(fields, "deadLetterTargetArn"),
                 .receives_max = max && max->is_string()
                                     ? std::strtoll(max->get_string().c_str(), nullptr, 10)
                                     : number(fields, "maxReceiveCount", 0)};
}

}  // namespace kiban::services::sqs
