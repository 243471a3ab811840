#include "services/base/members.h"

#include <gtest/gtest.h>

namespace kiban::services {

enum class Colour : std::uint8_t { Red, Green };

template <>
struct EnumNames<Colour> {
  static constexpr std::array<std::string_view, 2> names{"RED", "GREEN"};
};

namespace {

struct Thing {
  std::string name{};
  std::int64_t count{7};
  bool enabled{true};
  double share{0};
  Colour colour{Colour::Red};
  Timestamp made{};
  std::optional<Timestamp> ended{};
  std::optional<double> threshold{};
  std::vector<std::string> tags{};
  json::array shapes{};
  json::object unknown{};

  static constexpr auto members() {
    return std::tuple{member("Name", &Thing::name),       member("Count", &Thing::count),
                      member("Enabled", &Thing::enabled), member("Share", &Thing::share),
                      member("Colour", &Thing::colour),   member("Made", &Thing::made),
                      member("Ended", &Thing::ended),     member("Threshold", &Thing::threshold),
                      member("Tags", &Thing::tags),       member("Shapes", &Thing::shapes)};
  }
  bool operator==(const Thing&) const = default;
};

Thing thing_of(const json::object& row) { return read_row<Thing>("key", row); }

TEST(Members, ReadWhatTheyPrinted) {
  const Thing thing{.name = "n",
                    .count = 3,
                    .enabled = false,
                    .share = 0.5,
                    .colour = Colour::Green,
                    .made = Timestamp{Duration{1'700'000'000'123}},
                    .ended = Timestamp{Duration{1'700'000'000'456}},
                    .threshold = 0.0,
                    .tags = {"a", "b"},
                    .shapes = {1, "x"}};
  const json::object row = print_row(thing);
  EXPECT_EQ(row.at("Made"), 1'700'000'000'123);
  EXPECT_EQ(row.at("Colour"), "GREEN");
  EXPECT_EQ(thing_of(row), thing);
  EXPECT_EQ(thing_of(parse_json(print_json(row)).value().as_object()), thing);
}

TEST(Members, ThatHaveTheirDefaultAreLeftOut) {
  EXPECT_EQ(print_row(Thing{}), json::object{});
  EXPECT_EQ(thing_of({}), Thing{});
  EXPECT_EQ(thing_of({}).count, 7);
}

TEST(Members, ThatAreNotKnownSurvive) {
  const json::object row{{"Name", "n"}, {"Later", {{"a", 1}}}, {"Also", nullptr}};
  Thing thing = thing_of(row);
  thing.count = 1;
  json::object wanted = row;
  wanted["Count"] = 1;
  EXPECT_EQ(print_row(thing), wanted);
}

TEST(Members, TimesOfOldRowsAreSeconds) {
  const Timestamp made{Duration{1'700'000'000'123}};
  EXPECT_EQ(thing_of({{"Made", 1'700'000'000.123}}).made, made);
  EXPECT_EQ(thing_of({{"Made", 1'700'000'000}}).made, Timestamp{Duration{1'700'000'000'000}});
  EXPECT_EQ(thing_of({{"Made", 1'700'000'000'123}}).made, made);
}

TEST(Members, OfAnotherKindAreDamage) {
  for (const json::object& row :
       {json::object{{"Name", 1}}, json::object{{"Count", "1"}}, json::object{{"Count", 1e300}},
        json::object{{"Enabled", 1}}, json::object{{"Colour", "BLUE"}}, json::object{{"Colour", 0}},
        json::object{{"Made", "now"}}, json::object{{"Made", 1e300}}, json::object{{"Ended", true}},
        json::object{{"Tags", "a"}}, json::object{{"Tags", {1}}}, json::object{{"Shapes", 1}},
        json::object{{"Threshold", nullptr}}})
    EXPECT_THROW((void)thing_of(row), DamagedRow) << print_json(row);
}

}  // namespace
}  // namespace kiban::services
