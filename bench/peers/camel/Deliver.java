import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.main.Main;

/**
 * From a topic to the ERP, one consumer per partition: the most that keeps Camel's order. What fails is tried three times
 * more and then goes to a dead letter topic; Camel's default would log it and go on.
 */
public class Deliver extends RouteBuilder {
  private final String brokers, topic, group, url, consumers;

  Deliver(String[] args) {
    brokers = args[0];
    topic = args[1];
    group = args[2];
    url = args[3];
    consumers = args[4];
  }

  public static void main(String[] args) throws Exception {
    Main main = new Main();
    main.configure().addRoutesBuilder(new Deliver(args));
    main.run(new String[0]);
  }

  @Override
  public void configure() {
    errorHandler(deadLetterChannel("kafka:" + topic + ".dead-letter?brokers=" + brokers)
        .useOriginalMessage().maximumRedeliveries(3).redeliveryDelay(200));
    from("kafka:" + topic + "?brokers=" + brokers + "&groupId=" + group
            + "&autoOffsetReset=earliest&consumersCount=" + consumers)
        .removeHeaders("kafka.*")
        .setHeader("CamelHttpMethod", constant("POST"))
        .setHeader("Content-Type", constant("application/json"))
        .to(url + "/entries?maxTotalConnections=256&connectionsPerRoute=256");
  }
}
