// event-ruler under the rules and events of a file made by bench/rows/patterns.py, on one thread:
//   java -cp 'lib/*' Ruler.java FILE SECONDS
// Prints JSON: events per second of this thread's CPU time, and matches, of each kind;
// events parsed already, and as texts.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import software.amazon.event.ruler.Machine;

public class Ruler {
  interface Matching<T> {
    List<String> rulesFor(T event) throws Exception;
  }

  static <T> long matchesOf(Matching<T> machine, List<T> events) throws Exception {
    long matches = 0;
    for (T event : events) matches += machine.rulesFor(event).size();
    return matches;
  }

  static long processorNanos() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  // Events per second over as many whole passes as fill the time.
  static <T> double rate(Matching<T> machine, List<T> events, double seconds) throws Exception {
    long passes = 0;
    long began = processorNanos();
    double spent = 0;
    while (spent < seconds) {
      matchesOf(machine, events);
      ++passes;
      spent = (processorNanos() - began) / 1e9;
    }
    return passes * events.size() / spent;
  }

  public static void main(String[] arguments) throws Exception {
    double seconds = Double.parseDouble(arguments[1]);
    ObjectMapper mapper = new ObjectMapper();
    JsonNode kinds = mapper.readTree(Files.readString(Path.of(arguments[0])));
    Map<String, Map<String, Object>> found = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> kind : kinds.properties()) {
      Machine machine = new Machine();
      int number = 0;
      for (JsonNode rule : kind.getValue().get("rules"))
        machine.addRule("rule-" + number++, rule.textValue());
      List<String> texts = new ArrayList<>();
      List<JsonNode> trees = new ArrayList<>();
      for (JsonNode event : kind.getValue().get("events")) {
        texts.add(event.textValue());
        trees.add(mapper.readTree(event.textValue()));
      }
      Matching<JsonNode> ofTree = machine::rulesForJSONEvent;
      Matching<String> ofText = machine::rulesForJSONEvent;
      rate(ofTree, trees, seconds);  // Warms the compiler up.
      double tree = rate(ofTree, trees, seconds);
      rate(ofText, texts, seconds);
      double text = rate(ofText, texts, seconds);
      long matches = matchesOf(ofTree, trees);
      found.put(kind.getKey(), Map.of("rate", tree, "rate_of_texts", text, "matches", matches));
    }
    System.out.println(mapper.writeValueAsString(found));
  }
}
