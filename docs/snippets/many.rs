//! docs/guide/src/many.md

block!("many_1");

mod run {
    use super::*;
    use crate::nodes::{bank, client};

    #[tokio::test]
    async fn all_are_paid_and_all_are_asked() {
        let nodes = bank().start().await.unwrap();
        let client = client(&nodes).await;
        let accounts = client.region("account", 100).unwrap();
        let names: Vec<_> = (0..300).map(|number| format!("account-{number}")).collect();
        assert_eq!(pay(&accounts, &names).await.unwrap(), 300);
        assert_eq!(sum(&accounts, &names).await.unwrap(), 1_500);
    }
}
