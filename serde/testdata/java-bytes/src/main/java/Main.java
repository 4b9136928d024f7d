import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.serialization.BooleanSerializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.DoubleSerializer;
import org.apache.kafka.common.serialization.FloatSerializer;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.ShortSerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.kstream.SessionWindowedDeserializer;
import org.apache.kafka.streams.kstream.SessionWindowedSerializer;
import org.apache.kafka.streams.kstream.TimeWindowedDeserializer;
import org.apache.kafka.streams.kstream.TimeWindowedSerializer;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.kstream.internals.TimeWindow;

/** Writes to a file one line per value: what it is and the bytes that Kafka's serializer makes of it, separated by tabs. */
public class Main {
    private static final HexFormat HEX = HexFormat.of();
    private static final String TOPIC = "t";

    private static PrintStream out;

    public static void main(String[] args) throws IOException {
        try (PrintStream file = new PrintStream(args[1], StandardCharsets.UTF_8)) {
            out = file;
            switch (args[0]) {
                case "serializers" -> serializers();
                case "windows" -> windows();
                default -> throw new IllegalArgumentException(args[0]);
            }
        }
    }

    private static void serializers() {
        for (String s : List.of("", "a", "ab\tc\n", "\"quoted\"", "\u0000", "käse", "日本", "\uD83D\uDE00", "\uD800")) {
            print("String", quote(s), new StringSerializer(), s);
        }
        for (long v : new long[] {0, 1, -1, 255, 256, 1700000000123L, Long.MAX_VALUE, Long.MIN_VALUE}) {
            print("Long", v, new LongSerializer(), v);
        }
        for (int v : new int[] {0, 1, -1, 255, 256, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            print("Integer", v, new IntegerSerializer(), v);
        }
        for (short v : new short[] {0, 1, -1, 255, 256, Short.MAX_VALUE, Short.MIN_VALUE}) {
            print("Short", v, new ShortSerializer(), v);
        }
        for (double v : new double[] {0, -0.0, 1, -1.5, Math.PI, 1e300, Double.MIN_VALUE, Double.MAX_VALUE,
                Double.NaN, Double.longBitsToDouble(0x7ff8000000000001L), Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
            print("Double", v, new DoubleSerializer(), v);
        }
        // no NaN with other bits here: FloatSerializer writes its bits as they are
        for (float v : new float[] {0, -0.0f, 1, -1.5f, (float) Math.PI, Float.MIN_VALUE, Float.MAX_VALUE,
                Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            print("Float", v, new FloatSerializer(), v);
        }
        for (boolean v : new boolean[] {false, true}) {
            print("Boolean", v, new BooleanSerializer(), v);
        }
        for (byte[] v : List.of(new byte[] {}, new byte[] {0}, new byte[] {(byte) 0xff, 0, 1})) {
            print("ByteArray", HEX.formatHex(v), new ByteArraySerializer(), v);
        }
    }

    private static <T> void print(String type, Object shown, Serializer<T> serializer, T value) {
        out.println(type + "\t" + shown + "\t" + HEX.formatHex(serializer.serialize(TOPIC, value)));
    }

    private record Span(long start, long end) {}

    private static void windows() {
        List<Span> spans = List.of(new Span(0, 1), new Span(0, 60000), new Span(1700000040000L, 1700000100000L),
            new Span(5, 9223372036854L), new Span(Long.MAX_VALUE - 1, Long.MAX_VALUE));
        for (Span s : spans) {
            for (String key : List.of("", "a", "käse")) {
                time("String", quote(key), Serdes.String(), key, s);
            }
            time("Long", -2L, Serdes.Long(), -2L, s);
        }
        for (Span s : List.of(new Span(0, 0), new Span(0, 60000), new Span(7, 7), new Span(1700000040001L, 1700000100002L),
                new Span(0, Long.MAX_VALUE))) {
            for (String key : List.of("", "a", "käse")) {
                session("String", quote(key), Serdes.String(), key, s);
            }
            session("Long", -2L, Serdes.Long(), -2L, s);
        }
        // what a reader makes of a start whose end is out of range
        byte[] late = new TimeWindowedSerializer<>(Serdes.String().serializer())
            .serialize(TOPIC, new Windowed<>("a", new TimeWindow(Long.MAX_VALUE - 1, Long.MAX_VALUE)));
        Windowed<String> read = new TimeWindowedDeserializer<>(Serdes.String().deserializer(), 60000L).deserialize(TOPIC, late);
        out.println("TimeEnd\tString\t\"a\"\t" + read.window().start() + "\t" + read.window().end() + "\t61\t" + HEX.formatHex(late));
    }

    private static <K> void time(String type, Object shown, Serde<K> inner, K key, Span s) {
        TimeWindowedSerializer<K> serializer = new TimeWindowedSerializer<>(inner.serializer());
        Windowed<K> windowed = new Windowed<>(key, new TimeWindow(s.start, s.end));
        byte[] bytes = serializer.serialize(TOPIC, windowed);
        Windowed<K> back = new TimeWindowedDeserializer<>(inner.deserializer(), s.end - s.start).deserialize(TOPIC, bytes);
        print("Time", type, shown, windowed, back, serializer.serializeBaseKey(TOPIC, windowed), bytes);
    }

    private static <K> void session(String type, Object shown, Serde<K> inner, K key, Span s) {
        SessionWindowedSerializer<K> serializer = new SessionWindowedSerializer<>(inner.serializer());
        Windowed<K> windowed = new Windowed<>(key, new SessionWindow(s.start, s.end));
        byte[] bytes = serializer.serialize(TOPIC, windowed);
        Windowed<K> back = new SessionWindowedDeserializer<>(inner.deserializer()).deserialize(TOPIC, bytes);
        print("Session", type, shown, windowed, back, serializer.serializeBaseKey(TOPIC, windowed), bytes);
    }

    private static <K> void print(String form, String type, Object shown, Windowed<K> in, Windowed<K> back, byte[] base, byte[] bytes) {
        if (!in.equals(back)) {
            throw new IllegalStateException(in + " came back as " + back);
        }
        out.println(String.join("\t", form, type, shown.toString(), "" + in.window().start(), "" + in.window().end(),
            HEX.formatHex(base), HEX.formatHex(bytes)));
    }

    /** A Go string literal. A lone surrogate, which has no UTF-8, becomes what the serializer writes for it. */
    private static String quote(String s) {
        StringBuilder literal = new StringBuilder("\"");
        new String(s.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8).codePoints()
            .forEach(c -> literal.append(String.format(Character.isLetterOrDigit(c) ? "%c" : "\\U%08x", c)));
        return literal.append('"').toString();
    }
}
