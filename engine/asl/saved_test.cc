// A running execution in parts: what a save writes, and that it goes on from what is stored.
#include "asl/saved.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace kiban::asl {
namespace {

// Rows of one execution, as the states service keeps them.
struct Rows {
  std::string main{};
  SavedTexts texts{};
  SavedParts stored{};
  std::size_t bytes{0};  // That all saves wrote.

  void save(const Execution& execution) {
    SaveDelta delta = execution.save(stored);
    bytes += delta.main.size();
    main = std::move(delta.main);
    for (SavedPart& part : delta.parts) {
      if (part.text) {
        bytes += part.text->size();
        texts.parts.insert_or_assign(part.name, *std::move(part.text));
      } else {
        EXPECT_EQ(texts.parts.erase(part.name), 1U) << part.name;
      }
    }
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, text] : texts.parts) all.push_back(name);
    return all;
  }
};

struct Drive {
  explicit Drive(const std::string& definition, const std::string& input)
      : program(compile(definition, MachineType::Standard).value()),
        execution(program, {.input = Payload::from_text(input)}) {
    rows.texts.input = execution.parameters().input;
  }
  void take(const Input& input) {
    Decision decision = execution.take(input, now, random, secrets);
    for (const Effect& effect : decision.effects) {
      if (const auto* timer = std::get_if<StartTimer>(&effect)) timers.push_back(timer->timer);
      if (const auto* end = std::get_if<Finished>(&effect)) finished = *end;
    }
    for (HistoryEvent& event : decision.events) events.push_back(std::move(event));
  }
  // A timer at a time; `each` is called after each, while the execution runs.
  void run(const std::function<void()>& each) {
    take(Start{});
    for (std::size_t next = 0; !finished; ++next) {
      each();
      ASSERT_LT(next, timers.size());
      now += Duration{1'000};
      take(TimerFired{timers[next]});
    }
  }

  std::shared_ptr<const Program> program;
  Execution execution;
  Rows rows{};
  std::vector<std::int64_t> timers{};
  std::vector<HistoryEvent> events{};
  std::optional<Finished> finished{};
  Timestamp now{Duration{1'700'000'000'000}};
  Random random{1};
  SecretRandom secrets{1};
};

std::string numbers(int count) {
  std::string all = "[0";
  for (int i = 1; i < count; ++i) all += fmt::format(",{}", i);
  return all + "]";
}

// Each iteration waits once and returns its item.
constexpr const char* waiting_map = R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,
    "ItemProcessor":{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}}}})";

// Ten times as many iterations, ten times as many saves: the bytes of one stay about the same.
TEST(Saved, AMapWritesWhatChangedAndNotAllItsResults) {
  const auto bytes_per_save = [](int items) {
    Drive of(waiting_map, numbers(items));
    int saves = 0;
    of.run([&] {
      of.rows.save(of.execution);
      ++saves;
    });
    EXPECT_EQ(of.finished->output->text(), numbers(items));
    EXPECT_EQ(saves, items);
    return of.rows.bytes / static_cast<std::size_t>(saves);
  };
  const std::size_t few = bytes_per_save(100);
  const std::size_t many = bytes_per_save(1'000);
  EXPECT_LT(many, 5'000U);
  EXPECT_LT(many, few * 3 / 2);
}

TEST(Saved, WhatIsStoredGoesOnToTheSameEnd) {
  Drive straight(waiting_map, numbers(150));
  straight.run([] {});
  Drive restored(waiting_map, numbers(150));
  restored.run([&] {
    Rows& rows = restored.rows;
    rows.save(restored.execution);
    SavedParts stored;
    auto again = Execution::restore(restored.program, rows.main, rows.texts, stored);
    ASSERT_TRUE(again) << again.error().cause;
    EXPECT_EQ(stored.names(), rows.names());
    EXPECT_EQ(again->save(), restored.execution.save());
    restored.execution = *std::move(again);
    rows.stored = std::move(stored);
  });
  EXPECT_EQ(restored.finished->output->text(), straight.finished->output->text());
  ASSERT_EQ(restored.events.size(), straight.events.size());
}

TEST(Saved, PayloadsAreKeptOnceAndTheInputNotAtAll) {
  const std::string big(20'000, 'x');
  Drive of(R"({"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
      {"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":1,"End":true}}},
      {"StartAt":"B","States":{"B":{"Type":"Pass","Result":")" +
               big + R"(","ResultPath":"$.r","Next":"C"},"C":{"Type":"Wait","Seconds":2,"Next":"D"},
      "D":{"Type":"Wait","Seconds":2,"End":true}}}]}}})",
           fmt::format(R"({{"a":"{}"}})", big));
  std::size_t before = 0;
  int saves = 0;
  of.run([&] {
    before = of.rows.bytes;
    of.rows.save(of.execution);
    if (saves++ == 0)
      EXPECT_LT(of.rows.bytes, 45'000U);  // The payload of branch B, once.
    else
      EXPECT_LT(of.rows.bytes - before, 5'000U);
  });
  EXPECT_EQ(saves, 3);
}

// Two saves without a change write the same main text; any change makes another.
TEST(Saved, TheMainTextTellsWhetherAPartChanged) {
  Drive of(waiting_map, numbers(100));
  std::string last;
  of.run([&] {
    of.rows.save(of.execution);
    EXPECT_NE(of.rows.main, last);
    last = of.rows.main;
    const SaveDelta again = of.execution.save(of.rows.stored);
    EXPECT_EQ(again.main, last);
    EXPECT_TRUE(again.parts.empty());
  });
}

TEST(Saved, APartThatIsMissingOrDamagedIsRefused) {
  Drive of(waiting_map, numbers(100));
  of.take(Start{});
  of.rows.save(of.execution);
  ASSERT_GT(of.rows.texts.parts.size(), 40U);
  for (const std::string& name : of.rows.names()) {
    for (const char* damage : {"", "1", "[]", "{}", "[{\"part\":\"p/none\"}]"}) {
      SavedTexts texts = of.rows.texts;
      texts.parts[name] = damage;
      SavedParts stored;
      const auto again = Execution::restore(of.program, of.rows.main, texts, stored);
      EXPECT_FALSE(again) << name << " " << damage;
    }
    SavedTexts texts = of.rows.texts;
    texts.parts.erase(name);
    SavedParts stored;
    EXPECT_FALSE(Execution::restore(of.program, of.rows.main, texts, stored)) << name;
  }
}

}  // namespace
}  // namespace kiban::asl
