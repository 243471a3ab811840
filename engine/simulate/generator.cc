#include "simulate/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/validate.h"
#include "simulate/machines.h"
#include "simulate/recipes.h"

namespace kiban::simulate {
namespace {

constexpr int depth_max = 6;
constexpr int texts_tried = 6;

constexpr std::array<std::string_view, 10> hostile_texts{
    "", " ", "../../x", "a\nb", "\xF0\x9F\x92\xA3", "aws:x", "%", "*", "null", "-1"};

std::string lower(std::string_view text) {
  std::string result;
  for (const char c : text) result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

bool fits(const api::Shape& shape, std::string_view text) {
  const std::int64_t length = api::utf16_length(text);
  if (shape.min != api::no_bound && length < shape.min) return false;
  if (shape.max != api::no_bound && length > shape.max) return false;
  return shape.pattern.empty() || api::matches(shape.pattern, text);
}

bool chance(Random& random, double of) { return random.unit() < of; }

template <typename Choices>
auto pick(Random& random, const Choices& choices) {
  return choices[random.below(std::size(choices))];
}

// Few, so that requests meet; with the kind of thing, so that templates and machines know them.
std::string fresh_name(Random& random, std::string_view noun) {
  return fmt::format("{}-{}", lower(noun), 1 + random.below(4));
}

// "RoleName" names a role; "Name" what the operation is about.
std::string stem_of(std::string_view member, std::string_view noun) {
  std::string name = lower(member);
  for (const std::string_view suffix : {"identifier", "name", "arn", "id"})
    if (name.ends_with(suffix)) {
      name.resize(name.size() - suffix.size());
      return name.empty() ? lower(noun) : name;
    }
  return lower(noun);
}

bool names_what_it_makes(std::string_view member, std::string_view noun) {
  const std::string name = lower(member);
  return (name.ends_with("name") || name.ends_with("identifier")) &&
         stem_of(member, noun) == lower(noun);
}

}  // namespace

json::object Generator::make(Random& random, const api::Service& service,
                             const api::Operation& operation, Timestamp now) {
  Place place{.service = service,
              .operation = operation,
              .noun = noun_of(operation.name),
              .now = now,
              .optional = pick(random, std::array{0.0, 0.0, 0.1, 0.3}),
              .hostile = random.below(20) == 0};
  const auto recipes = find_recipes(service.folder, operation.name);
  if (!recipes.empty() && random.below(5) > 0)
    return from_recipe(random, place, *recipes[random.below(recipes.size())]);
  if (operation.input == api::no_shape) return {};
  return structure(random, place, service.shape(operation.input), 0);
}

void Generator::learn(const api::Service& service, const api::Operation& operation,
                      const json::object& input, const json::object& reply) {
  const std::string noun = noun_of(operation.name);
  const bool ends = operation.name.starts_with("Delete") || operation.name.starts_with("Remove");
  if (!ends) pools_.learn(service.folder, noun, input);
  pools_.learn(service.folder, noun, reply);
  // Messages that carry the token of a task.
  const json::array* messages = find_array(reply, "Messages");
  for (const json::value& message : messages ? *messages : json::array{})
    if (const json::string* body = find_string(message.as_object(), "Body"))
      learn_token(to_string(*body));
}

void Generator::learn_token(const std::string& body) {
  const auto tree = parse_json(body);
  if (!tree || !tree->is_object()) return;
  if (const json::string* token = find_string(tree->get_object(), "TaskToken"))
    pools_.learn("states", "Task", json::object{{"taskToken", *token}});
  if (const json::string* token = find_string(tree->get_object(), "Token"))
    pools_.learn(
        "sns", "Subscription",
        json::object{{"token", *token}, {"topicArn", kiban::text(tree->get_object(), "TopicArn")}});
}

json::object Generator::from_recipe(Random& random, const Place& place,
                                    const json::object& recipe) {
  json::object input = recipe;
  for (auto& member : input) fill(random, place, member.value());
  return input;
}

std::string Generator::with_connection(Random& random, std::string definition) const {
  const auto replace = [&](std::string_view place, const std::string& by) {
    for (std::size_t at = definition.find(place); at != std::string::npos;
         at = definition.find(place, at + by.size()))
      definition.replace(at, place.size(), by);
  };
  replace("@CONNECTION@",
          pools_.draw(random, "events.connectionarn")
              .value_or("arn:aws:events:ap-northeast-1:000000000000:connection/a/b"));
  replace("@SUBNET@", pools_.draw(random, "ec2.subnetid").value_or("subnet-1"));
  return definition;
}

// "@name" takes a fresh name, "@asl", "@template" and "@bytes" what they say, "@now+60" an instant,
// "@int:9" a number below nine, "@service.member|fallback" what a pool has.
void Generator::fill(Random& random, const Place& place, json::value& value) {
  if (value.is_object())
    for (auto& member : value.get_object()) fill(random, place, member.value());
  if (value.is_array())
    for (json::value& each : value.get_array()) fill(random, place, each);
  if (!value.is_string() || !value.get_string().starts_with('@')) return;
  const std::string word = to_string(value.get_string()).substr(1);
  const std::size_t bar = std::min(word.find('|'), word.size());
  const std::string pool = word.substr(0, bar);
  if (word == "name") {
    value = fresh_name(random, place.noun);
  } else if (word == "asl") {
    value = with_connection(random, make_definition(random));
  } else if (word == "template") {
    value = make_template(random);
  } else if (word == "bytes") {
    value = {{"kiban:Bytes", random.hex(2 * random.below(40))}};
  } else if (word.starts_with("now")) {
    value = epoch_seconds(place.now) + std::stod(word.substr(3));
  } else if (word.starts_with("int:")) {
    value = random.below(std::stoul(word.substr(4)));
  } else if (auto known = pools_.draw(random, pool)) {
    value = *known;
  } else {
    value = bar < word.size() ? word.substr(bar + 1) : pool;
  }
}

json::object Generator::structure(Random& random, const Place& place, const api::Shape& shape,
                                  int depth) {
  json::object made;
  const auto members = place.service.members_of(shape);
  const std::size_t only =
      shape.tagged_union && !members.empty() ? random.below(members.size()) : 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const api::Member& member = members[i];
    const bool wanted = shape.tagged_union ? i == only
                        : member.required  ? random.below(100) > 0 || depth > 0
                                           : depth < depth_max && chance(random, place.optional);
    if (wanted) made[member.name] = value(random, place, member, member.name, depth + 1);
  }
  return made;
}

json::value Generator::value(Random& random, const Place& place, const api::Member& member,
                             std::string_view name, int depth) {
  const api::Shape& shape = place.service.shape(member);
  if (member.streaming || shape.streaming)
    return json::object{{"kiban:Bytes", random.hex(2 * random.below(40))}};
  if (shape.kind == api::Kind::Structure) return structure(random, place, shape, depth);
  if (shape.kind == api::Kind::List) {
    std::size_t count = depth < depth_max ? random.below(3) : 0;
    if (shape.min != api::no_bound) count = std::max(count, static_cast<std::size_t>(shape.min));
    json::array list;
    const std::string_view one = name.ends_with('s') ? name.substr(0, name.size() - 1) : name;
    for (std::size_t i = 0; i < std::min<std::size_t>(count, 5); ++i)
      list.push_back(value(random, place, place.service.members_of(shape)[0], one, depth + 1));
    return list;
  }
  if (shape.kind == api::Kind::Map) {
    json::object map;
    for (std::size_t i = 0; i < random.below(3); ++i) {
      const auto parts = place.service.members_of(shape);
      map[text(random, place, place.service.shape(parts[0]), name)] =
          value(random, place, parts[1], name, depth + 1);
    }
    return map;
  }
  return scalar(random, place, shape, name);
}

json::value Generator::scalar(Random& random, const Place& place, const api::Shape& shape,
                              std::string_view name) {
  switch (shape.kind) {
    case api::Kind::Integer:
    case api::Kind::Long: {
      if (place.hostile) return pick(random, std::array<std::int64_t, 4>{-1, 0, 2147483647, 1});
      const std::int64_t low = shape.min == api::no_bound ? 0 : shape.min;
      const std::int64_t high = shape.max == api::no_bound ? low + 30 : shape.max;
      if (random.below(4) == 0) return random.below(2) == 0 ? low : high;
      const auto span = static_cast<std::uint64_t>(std::min<std::int64_t>(high - low, 120));
      return low + static_cast<std::int64_t>(random.below(span + 1));
    }
    case api::Kind::Float:
    case api::Kind::Double:
      return pick(random, std::array{0.0, 1.0, 0.5, -1.5, 100.0});
    case api::Kind::Boolean:
      return random.below(2) == 0;
    case api::Kind::Timestamp:
      return epoch_seconds(place.now) +
             pick(random, std::array{-86'400.0, -3'600.0, -60.0, 0.0, 60.0, 3'600.0});
    case api::Kind::Blob:
      return pick(random, std::array{"", "YQ==", "AAECAwQ="});
    default:
      return json::string(text(random, place, shape, name));
  }
}

std::string Generator::text(Random& random, const Place& place, const api::Shape& shape,
                            std::string_view name) {
  if (place.hostile && random.below(4) == 0) return std::string(pick(random, hostile_texts));
  const auto values = place.service.values_of(shape);
  if (!values.empty() && random.below(50) > 0)
    return std::string(values[random.below(values.size())]);
  const bool makes = place.operation.name.starts_with("Create") ||
                     place.operation.name.starts_with("Put") ||
                     place.operation.name.starts_with("Register");
  std::string last;
  for (int i = 0; i < texts_tried; ++i) {
    const auto sample = sample_text(random, place.service.folder, lower(name));
    if (sample && random.below(10) > 0)
      last = *sample;
    else if (makes && names_what_it_makes(name, place.noun) && random.below(2) == 0)
      last = fresh_name(random, place.noun);
    else if (auto known = pools_.draw(random, place.service.folder, place.noun, name))
      last = *known;
    else
      last = fresh_name(random, stem_of(name, place.noun));
    if (fits(shape, last)) return last;
  }
  return last;
}

}  // namespace kiban::simulate
